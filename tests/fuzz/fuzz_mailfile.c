/* Any bytes as a mail file or an mbox: messages end, none is over its limit, and together they are no longer than the
 * file. */
#include <attune/mailsource.h>
#include <attune/reading.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    struct mailfile *file = mailfile_open(fd);
    struct buf out;
    bool cut;
    size_t total = 0, count = 0;
    buf_init(&out, READING_MAX_MESSAGE);
    while (mailfile_next(file, &out, &cut) == ERR_OK) {
        total += out.length;
        if (cut || total > size || ++count > size + 1)
            abort();
    }
    if (!mailfile_is_mbox(file) && (count != 1 || total != size))
        abort();
    buf_free(&out);
    mailfile_free(&file);
    return 0;
}
