// What a page of interop/chromium.py runs: one peer connection, whose bodies leave when all candidates are in them.
"use strict";

let connection, analyser, context;

function begin(tone, video) {
  context = new AudioContext({ sampleRate: 16000 });
  const source = new OscillatorNode(context, { frequency: tone });
  const out = new MediaStreamAudioDestinationNode(context);
  source.connect(new GainNode(context, { gain: 0.4 })).connect(out);
  source.start();
  analyser = new AnalyserNode(context, { fftSize: 8192 });
  connection = new RTCPeerConnection({ iceServers: [] });
  connection.addTrack(out.stream.getAudioTracks()[0], out.stream);
  if (video) connection.addTrack(picture(), out.stream);
  connection.ontrack = ({ track }) => listen(track);
}

function listen(track) {
  const stream = new MediaStream([track]);
  const player = document.createElement(track.kind); // WebAudio gets what is played
  player.muted = true;
  player.autoplay = true;
  player.srcObject = stream;
  document.documentElement.append(player);
  if (track.kind === "audio") context.createMediaStreamSource(stream).connect(analyser);
}

function picture() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [160, 120];
  const drawing = canvas.getContext("2d");
  let number = 0;
  setInterval(() => {
    drawing.fillStyle = `hsl(${(number += 7) % 360} 80% 50%)`;
    drawing.fillRect(number % 160, 0, 40, 120);
  }, 50);
  return canvas.captureStream(20).getVideoTracks()[0];
}

async function local(description) {
  await connection.setLocalDescription(description);
  while (connection.iceGatheringState !== "complete")
    await new Promise((done) => connection.addEventListener("icegatheringstatechange", done, { once: true }));
  return connection.localDescription.sdp;
}

async function offer(iceRestart) {
  return local(await connection.createOffer({ iceRestart }));
}

async function answer(sdp) {
  await connection.setRemoteDescription({ type: "offer", sdp });
  return local(await connection.createAnswer());
}

async function accept(sdp) {
  await connection.setRemoteDescription({ type: "answer", sdp });
}

function turn(direction) {
  for (const transceiver of connection.getTransceivers())
    if (transceiver.sender.track.kind === "audio") transceiver.direction = direction;
}

function samples() {
  const found = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(found);
  return [Array.from(found), context.sampleRate];
}

async function counted(type, kind, name) {
  const parts = [...(await connection.getStats()).values()];
  return parts.filter((part) => part.type === type && part.kind === kind).reduce((sum, part) => sum + part[name], 0);
}
