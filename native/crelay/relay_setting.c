/* What the application sets of a stream. Each change is sealed by the stream's checksum before the lock is let go. */
#include "relay_socket.h"
#include "relay_state.h"

/* Ends a change. */
static enum relay_error seal(struct relay *relay, struct relay_stream *stream)
{
    relay_stream_seal(stream);
    return relay_unlock(relay, RELAY_OK);
}

static void make_setting(const struct relay_remote *remote, struct relay_setting *setting)
{
    memset(setting, 0, sizeof *setting);
    setting->remote = remote->address;
    setting->mode = (uint8_t)remote->mode;
    setting->learn_family = (uint8_t)remote->learn.family;
    memcpy(setting->learn, remote->learn.bytes, sizeof setting->learn);
}

static bool family_fits(const struct relay *relay, uint32_t number, int side, int component, const struct relay_remote *remote)
{
    int fd = relay->sockets[number][side][component];
    if (fd < 0)
        fd = relay->sockets[number][side][RELAY_RTP_COMPONENT];
    return fd < 0 || !relay_address_known(&remote->address) || relay_socket_family(fd) == remote->address.any.sa_family;
}

static void put_remote(struct relay_stream *stream, int side, int component, const struct relay_remote *remote)
{
    struct relay_setting setting;
    struct relay_setting *before = &stream->setting[component][side];
    struct relay_leg *leg = relay_leg_of(stream, component, side);
    make_setting(remote, &setting);
    if (memcmp(before, &setting, sizeof setting) == 0)
        return;
    relay_write_begin(&leg->setting_sequence);
    relay_words_put(before, &setting, sizeof setting);
    relay_write_end(&leg->setting_sequence);
}

enum relay_error relay_set_remote(struct relay *relay, uint32_t number, int side, int component,
                                  const struct relay_remote *remote)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    if (!family_fits(relay, number, side, component, remote))
        return relay_unlock(relay, RELAY_ERROR_FAMILY);
    put_remote(stream, side, component, remote);
    return seal(relay, stream);
}

static void put_flag(struct relay_stream *stream, int side, uint8_t flag, bool on)
{
    stream->side_flags[side] = on ? stream->side_flags[side] | flag : stream->side_flags[side] & ~flag;
    for (int component = 0; component < RELAY_COMPONENTS; component++) {
        struct relay_leg *leg = relay_leg_of(stream, component, side);
        relay_put(leg->flags, (uint8_t)(on ? leg->flags | flag : leg->flags & ~flag));
    }
}

static enum relay_error set_flag(struct relay *relay, uint32_t number, int side, uint8_t flag, bool on)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    put_flag(stream, side, flag, on);
    return seal(relay, stream);
}

enum relay_error relay_place(struct relay *relay, uint32_t number, int side, const struct relay_remote remote[RELAY_COMPONENTS],
                             bool mux)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    for (int component = 0; component < RELAY_COMPONENTS; component++)
        if (!family_fits(relay, number, side, component, &remote[component]))
            return relay_unlock(relay, RELAY_ERROR_FAMILY);
    for (int component = 0; component < RELAY_COMPONENTS; component++)
        put_remote(stream, side, component, &remote[component]);
    put_flag(stream, side, RELAY_FLAG_MUX, mux);
    return seal(relay, stream);
}

enum relay_error relay_set_mux(struct relay *relay, uint32_t stream, int side, bool mux)
{
    return set_flag(relay, stream, side, RELAY_FLAG_MUX, mux);
}

enum relay_error relay_set_blocked(struct relay *relay, uint32_t stream, int side, bool blocked)
{
    return set_flag(relay, stream, side, RELAY_FLAG_BLOCKED, blocked);
}

enum relay_error relay_set_silenced(struct relay *relay, uint32_t stream, int side, bool silenced)
{
    return set_flag(relay, stream, side, RELAY_FLAG_SILENCED, silenced);
}

enum relay_error relay_set_without_feedback(struct relay *relay, uint32_t stream, int side, bool without)
{
    return set_flag(relay, stream, side, RELAY_FLAG_FEEDBACK, without);
}

enum relay_error relay_set_blocked_types(struct relay *relay, uint32_t number, int side, uint32_t types)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    relay_put(stream->blocked_types[side], types);
    put_flag(stream, side, RELAY_FLAG_TYPES, types != 0);
    return seal(relay, stream);
}

enum relay_error relay_set_dscp(struct relay *relay, uint32_t number, int side, uint8_t dscp)
{
    struct relay_stream *stream;
    bool set = true;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    for (int component = 0; component < RELAY_COMPONENTS; component++) {
        int fd = relay->sockets[number][side][component];
        if (fd >= 0)
            set &= relay_socket_dscp(fd, dscp);
        relay_set_origin(relay, number, component, side, fd);
    }
    stream->dscp[side] = dscp | RELAY_DSCP_SET;
    relay_stream_seal(stream);
    return relay_unlock(relay, set ? RELAY_OK : RELAY_ERROR_SYSTEM);
}

enum relay_error relay_set_clock(struct relay *relay, uint32_t number, uint8_t payload_type, uint32_t clock_hz)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    for (int side = 0; side < RELAY_SIDES; side++) {
        uint16_t *clock = &stream->clock[side][payload_type - (128 - RELAY_DYNAMIC_TYPES)];
        relay_put(*clock, (uint16_t)(clock_hz / RELAY_CLOCK_UNIT_HZ));
    }
    return seal(relay, stream);
}
