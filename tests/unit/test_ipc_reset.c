/* A peer that dies with our frames unread: what it had sent before is still received, then its end. */
#include <attune/ipc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void send_beat(struct ipc_channel *channel, struct ipc_writer *writer, uint32_t allow_ms)
{
    assert_int_equal(ipc_write_begin(writer, FRAME_BEAT), ERR_OK);
    ipc_put_u32(writer, allow_ms);
    assert_int_equal(ipc_write_end(writer), ERR_OK);
    assert_int_equal(ipc_send(channel, writer, -1), ERR_OK);
}

static void test_last_words(void **state)
{
    (void)state;
    int ends[2];
    struct ipc_writer writer = {0};
    struct ipc_frame frame;
    assert_int_equal(ipc_pair(&ends[0], &ends[1]), ERR_OK);
    struct ipc_channel *ours = ipc_channel_new(ends[0]), *theirs = ipc_channel_new(ends[1]);
    send_beat(theirs, &writer, 1);
    send_beat(theirs, &writer, 2);
    send_beat(ours, &writer, 3); /* never read */
    ipc_channel_free(&theirs);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(ipc_receive(ours, &frame), ERR_OK);
        assert_int_equal(ipc_get_u32(&frame.body), i);
    }
    assert_int_equal(ipc_receive(ours, &frame), ERR_PEER);
    assert_int_equal(ipc_receive(ours, &frame), ERR_PEER);
    ipc_channel_free(&ours);
    ipc_writer_free(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_last_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
