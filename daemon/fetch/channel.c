/* Role fetch's end of keep's channel: frames out, orders in. A frame that makes no sense, or a keep that is gone, ends
 * the process: nothing is done for nobody. */
#include <attune/clock.h>
#include <attune/log.h>
#include <attune/order.h>
#include <attune/role.h>
#include <unistd.h>

static void give_up(struct fetch *fetch, const char *reason)
{
    if (!fetch->stop)
        log_error("stop", LOG_NAME("reason", reason));
    fetch->stop = true;
    fetch->exit_status = 1;
}

bool fetch_begin(struct fetch *fetch, enum frame_type type)
{
    if (ipc_write_begin(&fetch->writer, type) == ERR_OK)
        return true;
    give_up(fetch, "memory");
    return false;
}

void fetch_send(struct fetch *fetch, int fd)
{
    if (ipc_write_end(&fetch->writer) == ERR_OK && ipc_send(fetch->channel, &fetch->writer, fd) == ERR_OK)
        return;
    if (fd >= 0)
        close(fd);
    give_up(fetch, "keep-gone");
}

void fetch_beat(struct fetch *fetch, int64_t allow_ms)
{
    int64_t now = clock_monotonic_ms();
    if (now - fetch->beat_ms < 1000 && allow_ms <= fetch->beat_allow_ms)
        return;
    fetch->beat_ms = now;
    fetch->beat_allow_ms = allow_ms;
    if (role_beat(fetch->channel, &fetch->writer, (uint32_t)allow_ms) != ERR_OK)
        give_up(fetch, "keep-gone");
}

static enum err take_frame(struct fetch *fetch, struct ipc_frame *frame)
{
    switch (frame->type) {
    case FRAME_STOP:
        fetch->stop = true;
        return ipc_read_end(&frame->body) ? ERR_OK : ERR_PEER;
    case FRAME_FETCH_CURSOR:
        return fetch_take_cursor(fetch, frame);
    case FRAME_FETCH_PACE:
        return fetch_take_pace(fetch, frame);
    default:
        return order_take(fetch, frame);
    }
}

void fetch_serve(struct fetch *fetch)
{
    if (ipc_channel_wants_write(fetch->channel) && ipc_flush(fetch->channel) != ERR_OK)
        give_up(fetch, "keep-gone");
    while (!fetch->stop) {
        struct ipc_frame frame;
        enum err error = ipc_receive(fetch->channel, &frame);
        if (error == ERR_ABSENT)
            return;
        if (error == ERR_OK)
            error = take_frame(fetch, &frame);
        if (error == ERR_OK)
            continue;
        if (frame.fd >= 0)
            close(frame.fd);
        give_up(fetch, "bad-frame");
    }
}
