/* Sealed memory files: what is sealed stays, what is not sealed is not believed. */
#include <attune/screen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void sealed_bytes_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 3 * 1024 * 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *bytes = malloc(sizes[i] + 1);
        struct str mapped;
        int fd;
        for (size_t k = 0; k < sizes[i]; k++)
            bytes[k] = (char)(k * 31);
        assert_int_equal(screen_seal(bytes, sizes[i], &fd), ERR_OK);
        assert_int_equal(screen_map(fd, sizes[i], &mapped), ERR_OK);
        assert_true(str_equal(mapped, (struct str){bytes, sizes[i]}));
        close(fd);
        assert_true(str_equal(mapped, (struct str){bytes, sizes[i]})); /* the mapping outlives the descriptor */
        if (mapped.length)
            munmap((void *)(uintptr_t)mapped.data, mapped.length);
        free(bytes);
    }
}

static void nobody_changes_what_is_sealed(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(screen_seal("text", 4, &fd), ERR_OK);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_true(mmap(NULL, 4, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void size_over_the_maximum_is_refused(void **state)
{
    (void)state;
    struct str mapped;
    int fd;
    assert_int_equal(screen_seal("text", 4, &fd), ERR_OK);
    assert_int_equal(screen_map(fd, 3, &mapped), ERR_PEER);
    assert_int_equal(screen_map(fd, 0, &mapped), ERR_PEER);
    assert_int_equal(mapped.length, 0);
    close(fd);
}

static void every_seal_is_asked_for(void **state)
{
    (void)state;
    static const int seals[] = {F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_SEAL};
    for (size_t missing = 0; missing < 4; missing++) {
        struct str mapped;
        int fd = memfd_create("partly", MFD_ALLOW_SEALING);
        assert_int_equal(write(fd, "text", 4), 4);
        for (size_t i = 0; i < 4; i++)
            if (i != missing)
                assert_int_equal(fcntl(fd, F_ADD_SEALS, seals[i]), 0);
        assert_int_equal(screen_map(fd, 4, &mapped), ERR_PEER);
        close(fd);
    }
}

static void what_is_no_memory_file_is_refused(void **state)
{
    (void)state;
    int ends[2];
    struct str mapped;
    assert_int_equal(pipe(ends), 0);
    int fds[] = {open("/etc/hostname", O_RDONLY), open("/", O_RDONLY), open("/dev/zero", O_RDONLY), ends[0], -1};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        assert_int_equal(screen_map(fds[i], 1024, &mapped), ERR_PEER);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_bytes_come_back),
        cmocka_unit_test(nobody_changes_what_is_sealed),
        cmocka_unit_test(size_over_the_maximum_is_refused),
        cmocka_unit_test(every_seal_is_asked_for),
        cmocka_unit_test(what_is_no_memory_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
