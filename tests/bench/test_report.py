"""The page that bench.report writes from a results file."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import report, svg
from bench.results_file import ResultsError, add, check, runs

PAGE = "# Performance\n\nby hand\n\n<!-- begin relay -->\nold\n<!-- end relay -->\n\nmore by hand\n"
ROW = {
    "ours_us": 5.0,
    "rtpengine_us": 10.0,
    "ratio": 0.5,
    "p50_us": 12.0,
    "p99_us": 40.0,
    "p999_us": 300.0,
    "rtpengine_p50_us": 18.0,
    "rtpengine_p99_us": 600.0,
    "rtpengine_p999_us": 1600.0,
    "loss": 0.0,
    "rtpengine_loss": 0.25,
    "busy": 0.5,
    "rtpengine_busy": 1.0,
    "floor_us": 4.75,
    "windows": {"ours": 40, "rtpengine": 40, "floor": 40},
    "thrown": {"ours": 5, "rtpengine": 7, "floor": 0},
    "disturbed": [],
}
RESULT = {
    "base": {"500": ROW, "1000": ROW | {"disturbed": ["rtpengine"]}},
    "srtp": {"500": ROW | {"ours_us": 5.75, "rtpengine_us": None, "floor_us": None}},
    "srtp_over_plain_us": {"500": {"ours": 0.75, "rtpengine": None, "load_busy": 0.6}},
    "max_calls": {"base": 1200, "rtpengine": 600},
    "lower_bounds": ["max_calls.base"],
    "profile": {"at": 1000, "calls": [["sendto", 56.2], ["the rest", 43.8]], "symbols": [["fdget", 4.25]]},
    "kb_per_call": {"ours": 16.9, "rtpengine": 48.9},
    "ng_ms_per_call": {"ours": 1.0, "rtpengine": 1.5},
    "rule": "A window is thrown away if it rains.",
    "machine": "a machine",
    "commit": "abc",
    "runs": 3,
}


def write_docs(folder: Path, page: str = PAGE) -> Path:
    (folder / "performance.md").write_text(page)
    return folder


def results(folder: Path, result: object) -> Path:
    file = folder / "results.json"
    file.write_text(json.dumps({"runs": [{"command": "python -m bench.relay --json", "result": result}]}))
    return file


def test_section_replaced_and_the_rest_kept(tmp_path: Path) -> None:
    docs = write_docs(tmp_path)
    written = report.write([results(tmp_path, RESULT)], docs)
    text = (docs / "performance.md").read_text()
    assert text.startswith(
        "# Performance\n\nby hand\n\n<!-- begin relay -->\n`python -m bench.relay --json`, commit abc, medians of 3"
    )
    assert text.endswith("<!-- end relay -->\n\nmore by hand\n")
    assert "old" not in text
    latencies = "12 / 40 / 300 | 18 / 600 / 1,600"
    assert f"| 500 | 5.00 | 10.00 | 0.50 | 4.75 | {latencies} | 50% / 100% | 0.000% / 25.000% | 12 of 120 |" in text
    assert "| 1,000 * | 5.00 |" in text
    assert "\\* Hardly a window of rtpengine was undisturbed; disturbed ones count there." in text
    assert "a machine. A window is thrown away if it rains." in text
    assert "| most calls with p99 ≤ 1 ms, one core | ≥ 1,200 | 600 |" in text
    assert "| SRTP on one side, µs a packet over plain at 500 calls, the load maker busy 60% | 0.75 | - |" in text
    assert "1,000 calls: sendto 56 %, the rest 44 %" in text
    assert "| `fdget` | 4.2 % |" in text
    kinds = ("base-cpu", "base-latency", "srtp-cpu", "srtp-latency")
    assert [path.name for path in written] == ["performance.md", *(f"relay-{kind}.svg" for kind in kinds)]
    for path in written[1:]:
        assert f"(figures/{path.name})" in text
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    docs, file = write_docs(tmp_path), results(tmp_path, RESULT)
    report.write([file], docs)
    first = (docs / "performance.md").read_text()
    report.write([file], docs)
    assert (docs / "performance.md").read_text() == first


def test_ours_measured_alone(tmp_path: Path) -> None:
    docs = write_docs(tmp_path)
    row = {key: None if "rtpengine" in key or key == "ratio" else value for key, value in ROW.items()}
    report.write([results(tmp_path, RESULT | {"base": {"500": row}, "max_calls": None})], docs)
    assert (
        "| 500 | 5.00 | - | - | 4.75 | 12 / 40 / 300 | - / - / - | 50% / - | 0.000% / - |"
        in (docs / "performance.md").read_text()
    )


def test_unknown_results_leave_the_page(tmp_path: Path) -> None:
    docs = write_docs(tmp_path)
    report.write([results(tmp_path, {"something": 1})], docs)
    assert (docs / "performance.md").read_text() == PAGE


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"runs": [{}]}', '{"runs": [{"command": "x", "result": 1}]}'])
def test_not_a_results_file(tmp_path: Path, content: str) -> None:
    docs, file = write_docs(tmp_path), tmp_path / "results.json"
    file.write_text(content)
    with pytest.raises(ResultsError, match="not a results file"):
        report.write([file], docs)
    with pytest.raises(ResultsError, match="not a results file"):
        check(file)
    assert (docs / "performance.md").read_text() == PAGE


def test_result_with_something_missing(tmp_path: Path) -> None:
    docs = write_docs(tmp_path)
    with pytest.raises(report.ReportError, match=r"bench[.]relay --json: KeyError: 'commit'"):
        report.write([results(tmp_path, {key: value for key, value in RESULT.items() if key != "commit"})], docs)
    assert (docs / "performance.md").read_text() == PAGE


def test_runs_are_added_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    check(file)
    add(file, "first", {"a": 1})
    add(file, "second", {"a": "µ"})
    assert list(runs(file)) == [("first", {"a": 1}), ("second", {"a": "µ"})]
    with pytest.raises(ResultsError, match="there is no directory"):
        check(tmp_path / "nowhere" / "results.json")


def test_page_without_markers(tmp_path: Path) -> None:
    docs = write_docs(tmp_path, "# Performance\n")
    with pytest.raises(report.ReportError, match="no <!-- begin relay -->"):
        report.write([results(tmp_path, RESULT)], docs)


def test_chart_of_one_point() -> None:
    drawing = ElementTree.fromstring(svg.chart(svg.Axes("a < b", "x", "y"), [svg.Line("only", [(5.0, 3.0)], "#000000")]))
    assert next(part.text for part in drawing.iter("{http://www.w3.org/2000/svg}text")) == "a < b"


def test_logarithmic_chart_goes_by_decades() -> None:
    text = svg.chart(svg.Axes("t", "x", "y", log=True), [svg.Line("only", [(1.0, 12.0), (2.0, 900.0)], "#000000")])
    labels = [part.text for part in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert labels[1:4] == ["10", "100", "1,000"]


def test_bars_are_as_high_as_their_values() -> None:
    series = [svg.Bars("a", [10.0, 0.0], "#111111"), svg.Bars("b", [5.0, 20.0], "#222222")]
    drawing = ElementTree.fromstring(svg.bar_chart(svg.Axes("t", "x", "y"), ["one", "two"], series))
    heights = {
        name: [
            float(bar.get("height", "")) for bar in drawing.iter("{http://www.w3.org/2000/svg}rect") if bar.get("fill") == name
        ]
        for name in ("#111111", "#222222")
    }
    assert heights["#111111"][1] == 0
    assert heights["#222222"][1] == pytest.approx(2 * heights["#111111"][0], abs=0.2)
    assert heights["#222222"][0] == pytest.approx(heights["#111111"][0] / 2, abs=0.2)
