/* SPDX-License-Identifier: MIT */
/* What is there before a restore, and what becomes of it; and paths that want out. */
#include "fixture.h"

typedef enum existing {
    NOTHING,
    A_FILE,
    A_LINK_TO_A_FILE,
    A_LINK_TO_A_DIR,
    A_DANGLING_LINK,
    AN_EMPTY_DIR,
    A_FULL_DIR,
    A_FIFO,
    EXISTING_COUNT
} existing;

static const char *const existing_names[EXISTING_COUNT] = {
    "nothing",       "file",      "link to a file", "link to a directory",
    "dangling link", "empty dir", "full dir",       "FIFO"};

/* All links lead to the world outside of the root, which nobody may touch. */
static void plant(const fixture *f, const char *name, existing what)
{
    char path[300];
    char below[310];

    (void)snprintf(path, sizeof(path), "root/%s", name);
    switch (what) {
    case A_FILE:
        plant_file(f, path, "old");
        break;
    case A_LINK_TO_A_FILE:
        plant_link(f, path, "../outside/file");
        break;
    case A_LINK_TO_A_DIR:
        plant_link(f, path, "../outside");
        break;
    case A_DANGLING_LINK:
        plant_link(f, path, "../outside/new");
        break;
    case A_FULL_DIR:
    case AN_EMPTY_DIR:
        plant_dir(f, path);
        if (what == A_FULL_DIR) {
            (void)snprintf(below, sizeof(below), "%s/kept", path);
            plant_file(f, below, "old");
        }
        break;
    case A_FIFO:
        assert_int_equal(mkfifoat(f->dir->fd, path, 0600), 0);
        break;
    default:
        break;
    }
}

static void plant_outside(const fixture *f)
{
    plant_dir(f, "root");
    plant_dir(f, "outside");
    plant_file(f, "outside/file", "outside");
}

static void assert_outside_untouched(const fixture *f)
{
    assert_int_equal(count_names(f, "outside", ""), 1);
    assert_file(f, "outside/file", "outside");
    assert_int_equal(look(f, "outside/file").st_mode, S_IFREG | 0644);
    assert_int_equal(look(f, "outside").st_mode, S_IFDIR | 0755);
}

static bs_status put_type(fixture *f, const char *name, bsi_file_type type)
{
    bsi_entry entry = entry_of(name, type, 0640);
    bsi_entry first = file_entry("first", "new");

    switch (type) {
    case BSI_TYPE_FILE:
        return put_file(f->target, name, "new");
    case BSI_TYPE_DIR:
        return bsi_target_dir(f->target, &entry);
    case BSI_TYPE_SYMLINK:
        entry.link = bsi_slice_of("new");
        return bsi_target_symlink(f->target, &entry);
    case BSI_TYPE_FIFO:
        return bsi_target_node(f->target, &entry);
    default: /* Stands for a hard link. */
        first.stat.nlink = 2;
        entry.stat.type = BSI_TYPE_FILE;
        entry.linked = first.path;
        if (!is_there(f, "root/first")) {
            assert_ok(put_entry(f->target, &first, "new"));
        }
        return bsi_target_hardlink(f->target, &entry);
    }
}

static mode_t mode_of(bsi_file_type type)
{
    switch (type) {
    case BSI_TYPE_DIR:
        return S_IFDIR;
    case BSI_TYPE_SYMLINK:
        return S_IFLNK;
    case BSI_TYPE_FIFO:
        return S_IFIFO;
    default:
        return S_IFREG;
    }
}

static bool is_replaced(existing what, bsi_file_type type, bool overwrite)
{
    const bool is_dir = what == AN_EMPTY_DIR || what == A_FULL_DIR;

    if (what == NOTHING) {
        return true;
    }
    if (type == BSI_TYPE_DIR) {
        return overwrite || is_dir;
    }
    return overwrite && what != A_FULL_DIR;
}

static void check_case(fixture *f, existing what, bsi_file_type type)
{
    const bool expected = is_replaced(what, type, f->options.overwrite);
    const int warnings = f->warning_count;
    char name[64];
    char path[80];
    struct stat before = {0};
    struct stat after;

    (void)snprintf(name, sizeof(name), "x%d%d", (int)what, (int)type);
    (void)snprintf(path, sizeof(path), "root/%s", name);
    print_message("# case: %s over %s, overwrite %d\n", bsi_file_type_name(type),
                  existing_names[what], f->options.overwrite);
    plant(f, name, what);
    if (what != NOTHING) {
        before = look(f, path);
    }
    assert_status(put_type(f, name, type), expected ? BS_OK : BS_PARTIAL);
    assert_int_equal(f->warning_count, warnings + (expected ? 0 : 1));
    after = look(f, path);
    if (expected) {
        assert_int_equal(after.st_mode & S_IFMT, mode_of(type));
    } else {
        assert_int_equal(f->last_warning, BS_E_EXISTS);
        assert_string_equal(f->last_path, name);
        assert_int_equal(after.st_ino, before.st_ino);
        assert_int_equal(after.st_mode, before.st_mode);
    }
}

static void check_table(fixture *f, bool overwrite)
{
    static const bsi_file_type types[] = {BSI_TYPE_FILE, BSI_TYPE_DIR, BSI_TYPE_SYMLINK,
                                          BSI_TYPE_FIFO, BSI_TYPE_SOCKET};

    plant_outside(f);
    f->options.overwrite = overwrite;
    (void)open_target(f);
    for (int what = NOTHING; what < EXISTING_COUNT; what++) {
        for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
            check_case(f, (existing)what, types[i]);
        }
    }
    close_target(f);
    assert_int_equal(count_names(f, "root", ".bsr-"), 0);
    assert_outside_untouched(f);
}

static void what_is_there_is_kept(void **state)
{
    check_table(*state, false);
}

static void what_is_there_is_replaced_on_request_but_full_directories_stay(void **state)
{
    check_table(*state, true);
}

static void nothing_is_restored_through_what_is_no_directory(void **state)
{
    static const existing cases[] = {A_FILE, A_LINK_TO_A_DIR, A_DANGLING_LINK, A_FIFO};
    fixture *f = *state;
    char name[64];

    plant_outside(f);
    (void)open_target(f);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        (void)snprintf(name, sizeof(name), "x%d", (int)i);
        plant(f, name, cases[i]);
        (void)snprintf(name, sizeof(name), "x%d/a/f", (int)i);
        assert_status(put_file(f->target, name, "new"), BS_PARTIAL);
        assert_int_equal(f->last_warning, BS_E_EXISTS);
        (void)snprintf(name, sizeof(name), "x%d/d", (int)i);
        assert_status(put_dir(f->target, name), BS_PARTIAL);
    }
    assert_int_equal(f->warning_count, 2 * BSI_ARRAY_SIZE(cases));
    assert_outside_untouched(f);
}

static void a_link_in_the_way_becomes_a_directory_on_request(void **state)
{
    fixture *f = *state;

    plant_outside(f);
    plant_link(f, "root/d", "../outside");
    f->options.overwrite = true;
    assert_ok(put_file(open_target(f), "d/e/f", "new"));
    assert_file(f, "root/d/e/f", "new");
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0755);
    assert_outside_untouched(f);
}

/* A manifest may claim anything, in any order. */
static void a_link_from_the_backup_is_no_way_out(void **state)
{
    fixture *f = *state;
    const bsi_entry link = link_entry("d/link", "../../outside");
    const bsi_entry below = entry_of("d/link", BSI_TYPE_DIR, 0777);
    const bsi_entry deeper = link_entry("d/link/link", "x");

    plant_outside(f);
    for (int overwrite = 0; overwrite <= 1; overwrite++) {
        f->options.overwrite = overwrite != 0;
        assert_int_equal(is_there(f, "root/d"), overwrite != 0);
        (void)open_target(f);
        if (overwrite == 0) {
            assert_ok(put_dir(f->target, "d"));
            assert_ok(bsi_target_symlink(f->target, &link));
            assert_status(put_file(f->target, "d/link/f", "x"), BS_PARTIAL);
            assert_status(bsi_target_symlink(f->target, &deeper), BS_PARTIAL);
            assert_status(bsi_target_dir(f->target, &below), BS_PARTIAL);
            assert_ok(bsi_target_dir_finish(f->target, &below));
        } else {
            assert_ok(bsi_target_dir_finish(f->target, &below));
            assert_ok(put_file(f->target, "d/link/f", "x"));
        }
        assert_outside_untouched(f);
    }
    assert_file(f, "root/d/link/f", "x");
}

static void the_first_of_two_entries_of_one_name_stays(void **state)
{
    fixture *f = *state;
    const bsi_entry link = link_entry("d/f", "x");

    f->options.overwrite = true;
    assert_ok(put_dir(open_target(f), "d"));
    assert_ok(put_file(f->target, "d/f", "first"));
    assert_status(put_file(f->target, "d/f", "second"), BS_PARTIAL);
    assert_status(bsi_target_symlink(f->target, &link), BS_PARTIAL);
    assert_file(f, "root/d/f", "first");
    assert_int_equal(count_names(f, "root/d", ""), 1);
}

static void hostile_paths_are_refused(void **state)
{
    static const char *const paths[] = {"",  "/",   "/abs", "..", "../x", "a/../../x", "a/..",
                                        ".", "./x", "a//b", "a/", "//x",  "a/./b"};
    fixture *f = *state;
    bsi_target_file *file = NULL;
    char longest[300];

    plant_outside(f);
    (void)open_target(f);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(paths); i++) {
        const bsi_entry entry = file_entry(paths[i], "x");
        print_message("# case: '%s'\n", paths[i]);
        assert_status(bsi_target_file_begin(f->target, &entry, &file), BS_E_INVALID);
        assert_status(bsi_target_dir(f->target, &entry), BS_E_INVALID);
        assert_status(bsi_target_dir_finish(f->target, &entry), BS_E_INVALID);
        assert_status(bsi_target_symlink(f->target, &entry), BS_E_INVALID);
        assert_status(bsi_target_hardlink(f->target, &entry), BS_E_INVALID);
        assert_status(bsi_target_node(f->target, &entry), BS_E_INVALID);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_TARGET);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_status(put_file(f->target, longest, "x"), BS_E_INVALID);
    bsi_entry zero = file_entry("ab", "x");
    zero.path.data = "a\0";
    assert_status(bsi_target_file_begin(f->target, &zero, &file), BS_E_INVALID);
    close_target(f);
    assert_int_equal(count_names(f, "root", ""), 0);
    assert_outside_untouched(f);
}

static void what_no_link_can_hold_is_refused(void **state)
{
    fixture *f = *state;
    bsi_entry entry = link_entry("l", "");
    char *big = bsi_alloc(5000);

    (void)open_target(f);
    assert_status(bsi_target_symlink(f->target, &entry), BS_E_INVALID);
    entry.link = (bsi_slice){"a\0b", 3};
    assert_status(bsi_target_symlink(f->target, &entry), BS_E_INVALID);
    memset(big, 'a', 5000);
    entry.link = (bsi_slice){big, 5000};
    assert_status(bsi_target_symlink(f->target, &entry), BS_E_INVALID);
    bsi_free(big);
    entry.link = bsi_slice_of("../../../etc/passwd"); /* Data like any other. */
    assert_ok(bsi_target_symlink(f->target, &entry));
}

static void a_hard_link_to_a_hostile_path_is_refused(void **state)
{
    static const char *const paths[] = {"", "../outside/file", "/etc/passwd", "link", "self"};
    fixture *f = *state;
    bsi_entry entry = file_entry("self", "x");

    plant_outside(f);
    plant_link(f, "root/link", "../outside/file");
    (void)open_target(f);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(paths); i++) {
        entry.linked = bsi_slice_of(paths[i]);
        assert_status(bsi_target_hardlink(f->target, &entry), BS_E_NOT_FOUND);
    }
    assert_int_equal(look(f, "outside/file").st_nlink, 1);
}

static void a_tree_deeper_than_a_path_may_be_long_is_restored(void **state)
{
    enum { DEPTH = 2100 };
    fixture *f = *state;
    char *path = bsi_alloc(2 * DEPTH + 2);
    int fd = root_fd((open_target(f), f));

    for (size_t i = 0; i < DEPTH; i++) {
        memcpy(path + 2 * i, "d/", 2);
    }
    memcpy(path + 2 * DEPTH, "f", 2);
    assert_ok(put_file(f->target, path, "deep"));
    for (int i = 0; i < DEPTH; i++) {
        const int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        assert_true(next >= 0);
        assert_int_equal(close(fd), 0);
        fd = next;
    }
    assert_int_equal(unlinkat(fd, "f", 0), 0);
    assert_int_equal(close(fd), 0);
    bsi_free(path);
    /* Too deep for the teardown: lift one level after the other. */
    fd = root_fd(f);
    while (renameat(fd, "d/d", fd, "e") == 0) {
        assert_int_equal(unlinkat(fd, "d", AT_REMOVEDIR), 0);
        assert_int_equal(renameat(fd, "e", fd, "d"), 0);
    }
    assert_int_equal(close(fd), 0);
}

static void names_of_one_symbolic_link_become_one_again(void **state)
{
    fixture *f = *state;
    bsi_entry link = entry_of("link", BSI_TYPE_SYMLINK, 0777);
    bsi_entry again = entry_of("again", BSI_TYPE_SYMLINK, 0777);

    (void)open_target(f);
    link.link = bsi_slice_of("anywhere");
    link.stat.nlink = 2;
    again.linked = link.path;
    assert_ok(bsi_target_symlink(f->target, &link));
    assert_ok(bsi_target_hardlink(f->target, &again));
    assert_int_equal(look(f, "root/link").st_ino, look(f, "root/again").st_ino);
    assert_int_equal(look(f, "root/again").st_mode & S_IFMT, S_IFLNK);
}

static void special_files_need_a_reason(void **state)
{
    fixture *f = *state;
    const bsi_entry fifo = entry_of("fifo", BSI_TYPE_FIFO, 0640);
    const bsi_entry socket = entry_of("socket", BSI_TYPE_SOCKET, 0600);
    bsi_entry device = entry_of("device", BSI_TYPE_CHAR_DEVICE, 0600);

    device.stat.rdev_major = 1;
    device.stat.rdev_minor = 3;
    (void)open_target(f);
    assert_ok(bsi_target_node(f->target, &fifo));
    assert_int_equal(look(f, "root/fifo").st_mode, S_IFIFO | 0640);
    assert_int_equal(look(f, "root/fifo").st_mtim.tv_nsec, 123456789);
    assert_status(bsi_target_node(f->target, &socket), BS_PARTIAL);
    assert_status(bsi_target_node(f->target, &device), BS_PARTIAL);
    assert_int_equal(f->last_warning, BS_E_UNSUPPORTED);
    assert_int_equal(f->warning_count, 2);
    close_target(f);
    assert_int_equal(count_names(f, "root", ""), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_is_there_is_kept),
        CASE(what_is_there_is_replaced_on_request_but_full_directories_stay),
        CASE(nothing_is_restored_through_what_is_no_directory),
        CASE(a_link_in_the_way_becomes_a_directory_on_request),
        CASE(a_link_from_the_backup_is_no_way_out),
        CASE(the_first_of_two_entries_of_one_name_stays),
        CASE(hostile_paths_are_refused),
        CASE(what_no_link_can_hold_is_refused),
        CASE(a_hard_link_to_a_hostile_path_is_refused),
        CASE(a_tree_deeper_than_a_path_may_be_long_is_restored),
        CASE(names_of_one_symbolic_link_become_one_again),
        CASE(special_files_need_a_reason),
    };

    test_dir_in_memory();
    return cmocka_run_group_tests_name("target/policy", tests, NULL, NULL);
}
