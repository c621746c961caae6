/*
 * Typed, length-checked frames over SOCK_SEQPACKET socketpairs: one datagram is one frame, with at most one descriptor.
 * A frame is written and read field by field; a reader that meets a short field, or bytes left over at ipc_read_end(),
 * fails, and its peer is then replaced (after OpenSMTPD's imsg readers). Integers are little-endian on the wire.
 * Which frame may pass in which direction and state is in frames.h, checked by ipc_frame_permitted().
 */
#ifndef ATTUNE_IPC_H
#define ATTUNE_IPC_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/frames.h>
#include <attune/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IPC_MAX_FRAME = 128 * 1024, /* header included; below the default socket buffer of 208 KiB */
    IPC_HEADER = 8,             /* u16 type, u16 zero, u32 length of the body */
};

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct ipc_writer {
    unsigned char *bytes; /* OWNED, IPC_MAX_FRAME of them */
    size_t length;
    enum frame_type type;
    bool failed;
};

/* Starts a frame; reuse one writer for all. ERR_SYSTEM without memory. */
enum err ipc_write_begin(struct ipc_writer *writer, enum frame_type type);
void ipc_put_u8(struct ipc_writer *writer, uint8_t value);
void ipc_put_u16(struct ipc_writer *writer, uint16_t value);
void ipc_put_u32(struct ipc_writer *writer, uint32_t value);
void ipc_put_u64(struct ipc_writer *writer, uint64_t value);
void ipc_put_i64(struct ipc_writer *writer, int64_t value);
void ipc_put_bytes(struct ipc_writer *writer, const void *bytes, size_t length); /* fixed size, no length prefix */
void ipc_put_str(struct ipc_writer *writer, struct str text);                    /* u32 length, then the bytes */
void ipc_put_text(struct ipc_writer *writer, const char *text);
/* Fills in the header. ERR_LIMIT when the frame's own maximum (frames.h) is passed or a put failed. */
enum err ipc_write_end(struct ipc_writer *writer);
void ipc_writer_free(struct ipc_writer *writer);

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct ipc_reader {
    const unsigned char *bytes; /* BORROWED: the body */
    size_t length;
    size_t at;
    bool failed;
};

struct ipc_frame {
    enum frame_type type;
    struct ipc_reader body;
    int fd; /* -1, or a descriptor that the receiver now OWNS */
};

uint8_t ipc_get_u8(struct ipc_reader *reader);
uint16_t ipc_get_u16(struct ipc_reader *reader);
uint32_t ipc_get_u32(struct ipc_reader *reader);
uint64_t ipc_get_u64(struct ipc_reader *reader);
int64_t ipc_get_i64(struct ipc_reader *reader);
void ipc_get_bytes(struct ipc_reader *reader, void *out, size_t length);
struct str ipc_get_str(struct ipc_reader *reader); /* BORROWS from the frame */
/* A string without NUL inside, of at most `size` - 1 bytes, copied with a NUL into out; else the reader fails. */
void ipc_get_text(struct ipc_reader *reader, char *out, size_t size);
/* True when nothing failed and not one byte is left. Every reader of a frame ends with this. */
bool ipc_read_end(struct ipc_reader *reader);

/* --- the channel ------------------------------------------------------------------------------------------------- */

struct ipc_channel; /* one end of a socketpair, with a bounded queue of frames that wait to be sent */

enum { IPC_MAX_QUEUED_FRAMES = 8192, IPC_MAX_QUEUED_BYTES = 32 * 1024 * 1024 };

/* Takes over `fd` (non-blocking from now on). NULL without memory, and then `fd` is closed. */
struct ipc_channel *ipc_channel_new(int fd);
/* Closes the socket and every queued descriptor, and clears the caller's pointer. */
void ipc_channel_free(struct ipc_channel **channel);
int ipc_channel_fd(const struct ipc_channel *channel);
bool ipc_channel_wants_write(const struct ipc_channel *channel);

/*
 * Queues the finished frame (copied) with `fd` (-1 for none; on success the channel OWNS it and closes it once sent, on
 * failure the caller keeps it) and sends what the socket takes. ERR_PEER when the peer is gone or the queue is full.
 */
enum err ipc_send(struct ipc_channel *channel, struct ipc_writer *writer, int fd);
/* Sends what waits. ERR_PEER when the peer is gone. */
enum err ipc_flush(struct ipc_channel *channel);
/* Waits up to timeout_ms until all is sent. For children, whose only business is to answer. */
enum err ipc_flush_wait(struct ipc_channel *channel, int timeout_ms);

/*
 * One frame, whose body BORROWS from the channel until the next call. ERR_ABSENT when none is there now, ERR_PEER at
 * end of file or for a malformed header, a frame over its maximum, an unknown type, a truncated datagram, or a descriptor
 * where none belongs or none where one does. Every failure closes any descriptor that came.
 */
enum err ipc_receive(struct ipc_channel *channel, struct ipc_frame *frame);

/* A pair for parent and child; both close-on-exec. */
enum err ipc_pair(int *ours, int *theirs);

#endif
