/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/endian.h"
#include "os/file.h"

enum { ACL_SIZE = 4 + 5 * 8 };

static bsi_xattr attr_of(const char *name, const void *value, size_t size)
{
    return (bsi_xattr){.name = bsi_slice_of(name), .value = {value, size}};
}

/* u::rw-,u:<id>:r--,g::---,m::r--,o::--- */
static void make_acl(uint8_t out[ACL_SIZE], uint32_t id)
{
    static const uint16_t records[5][2] = {{1, 6}, {2, 4}, {4, 0}, {16, 4}, {32, 0}};

    bsi_put_le32(out, 2);
    for (size_t i = 0; i < 5; i++) {
        bsi_put_le16(out + 4 + 8 * i, records[i][0]);
        bsi_put_le16(out + 6 + 8 * i, records[i][1]);
        bsi_put_le32(out + 8 + 8 * i, records[i][0] == 2 ? id : UINT32_MAX);
    }
}

static ssize_t get_attr(const fixture *f, const char *path, const char *name, void *out,
                        size_t size)
{
    const int fd = openat(f->dir->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got = -1;
    int code = 0;

    assert_true(fd >= 0);
    got = fgetxattr(fd, name, out, size);
    code = errno;
    assert_int_equal(close(fd), 0);
    errno = code;
    return got;
}

static bool has_attrs(const fixture *f, const char *name, const void *value, size_t size)
{
    const bool works = fsetxattr(f->dir->fd, name, value, size, 0) == 0;

    if (works) {
        (void)fremovexattr(f->dir->fd, name);
    } else {
        print_message("skipped: no attribute %s here\n", name);
    }
    return works;
}

static bool is_root(void)
{
    if (!bsi_is_privileged()) {
        print_message("skipped: needs the superuser\n");
        return false;
    }
    return true;
}

static void mode_and_time_come_back(void **state)
{
    fixture *f = *state;
    bsi_entry entry = file_entry("d/f", "x");
    bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0551);
    const bsi_entry link = link_entry("d/l", "f");

    entry.stat.mode = 0405;
    (void)open_target(f);
    assert_ok(bsi_target_dir(f->target, &dir));
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0700);
    assert_ok(put_entry(f->target, &entry, "x"));
    assert_ok(bsi_target_symlink(f->target, &link));
    assert_ok(bsi_target_dir_finish(f->target, &dir));
    assert_int_equal(look(f, "root/d/f").st_mode, S_IFREG | 0405);
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0551);
    assert_int_equal(look(f, "root/d").st_mtim.tv_sec, 1000000007);
    assert_int_equal(look(f, "root/d/f").st_mtim.tv_sec, 1000000007);
    assert_int_equal(look(f, "root/d/f").st_mtim.tv_nsec, 123456789);
    assert_int_equal(look(f, "root/d/l").st_mtim.tv_sec, 1000000007);
    assert_ok(bsi_target_sync(f->target));
    assert_int_equal(f->warning_count, 0);
    assert_int_equal(fchmodat(f->dir->fd, "root/d", 0700, 0), 0); /* For the teardown. */
}

static void without_permissions_nothing_is_more_open_than_it_was(void **state)
{
    static const struct {
        uint32_t was;
        mode_t is;
    } cases[] = {{0777, 0755}, {0644, 0644}, {0640, 0600}, {0710, 0700}, {04755, 0755}, {0, 0600}};
    fixture *f = *state;
    bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0750);

    f->options.permissions = false;
    (void)open_target(f);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_entry entry = file_entry("f", "x");
        entry.stat.mode = cases[i].was;
        assert_ok(put_entry(f->target, &entry, "x"));
        assert_int_equal(look(f, "root/f").st_mode, S_IFREG | cases[i].is);
        assert_int_not_equal(look(f, "root/f").st_mtim.tv_sec, 1000000007);
        assert_int_equal(unlinkat(f->dir->fd, "root/f", 0), 0);
    }
    assert_ok(bsi_target_dir(f->target, &dir));
    assert_ok(bsi_target_dir_finish(f->target, &dir));
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0700);
}

static void a_directory_that_was_there_is_changed_only_on_request(void **state)
{
    fixture *f = *state;
    const bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0711);

    plant_dir(f, "root");
    plant_dir(f, "root/d");
    assert_ok(bsi_target_dir(open_target(f), &dir));
    assert_ok(bsi_target_dir_finish(f->target, &dir));
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0755);
    f->options.overwrite = true;
    assert_ok(bsi_target_dir(open_target(f), &dir));
    assert_ok(bsi_target_dir_finish(f->target, &dir));
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0711);
}

static void a_directory_that_was_swapped_gets_no_metadata(void **state)
{
    fixture *f = *state;
    const bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0777);

    assert_ok(bsi_target_dir(open_target(f), &dir));
    assert_int_equal(renameat(f->dir->fd, "root/d", f->dir->fd, "root/moved"), 0);
    plant_dir(f, "root/d");
    assert_ok(put_dir(f->target, "other")); /* So that it is looked up anew. */
    assert_status(bsi_target_dir_finish(f->target, &dir), BS_PARTIAL);
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0755);
    assert_int_equal(look(f, "root/moved").st_mode, S_IFDIR | 0700);
}

static void attributes_and_acls_come_back(void **state)
{
    fixture *f = *state;
    uint8_t acl[ACL_SIZE];
    uint8_t got[64];
    bsi_xattr attrs[3];
    bsi_entry entry = file_entry("d/f", "x");
    bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0750);

    make_acl(acl, 4242);
    if (!has_attrs(f, "user.x", "1", 1) ||
        !has_attrs(f, "system.posix_acl_default", acl, ACL_SIZE)) {
        skip();
    }
    attrs[0] = attr_of("system.posix_acl_access", acl, sizeof(acl));
    attrs[1] = attr_of("user.empty", "", 0);
    attrs[2] = attr_of("user.name", "value", 5);
    entry.xattrs = attrs;
    entry.xattr_count = 3;
    entry.stat.mode = 0640;
    (void)open_target(f);
    assert_ok(bsi_target_dir(f->target, &dir));
    assert_ok(put_entry(f->target, &entry, "x"));
    attrs[0] = attr_of("system.posix_acl_default", acl, sizeof(acl));
    dir.xattrs = attrs;
    dir.xattr_count = 3;
    assert_ok(bsi_target_dir_finish(f->target, &dir));
    assert_ok(bsi_target_sync(f->target));
    assert_int_equal(f->warning_count, 0);
    assert_int_equal(get_attr(f, "root/d/f", "user.name", got, sizeof(got)), 5);
    assert_memory_equal(got, "value", 5);
    assert_int_equal(get_attr(f, "root/d/f", "user.empty", got, sizeof(got)), 0);
    assert_int_equal(get_attr(f, "root/d/f", "system.posix_acl_access", got, 64), ACL_SIZE);
    assert_memory_equal(got, acl, ACL_SIZE);
    assert_int_equal(get_attr(f, "root/d", "system.posix_acl_default", got, 64), ACL_SIZE);
    assert_int_equal(look(f, "root/d/f").st_mode, S_IFREG | 0640);
}

static void a_default_acl_of_the_place_does_not_stick(void **state)
{
    fixture *f = *state;
    uint8_t acl[ACL_SIZE];
    uint8_t got[64];
    const bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0751);
    int fd = -1;

    make_acl(acl, 4242);
    if (!has_attrs(f, "system.posix_acl_default", acl, ACL_SIZE)) {
        skip();
    }
    plant_dir(f, "root");
    fd = root_fd(f);
    assert_int_equal(fsetxattr(fd, "system.posix_acl_default", acl, ACL_SIZE, 0), 0);
    assert_int_equal(close(fd), 0);
    assert_ok(put_file(open_target(f), "f", "x"));
    assert_ok(bsi_target_dir(f->target, &dir));
    assert_ok(put_file(f->target, "d/f", "x"));
    assert_ok(bsi_target_dir_finish(f->target, &dir));
    assert_int_equal(get_attr(f, "root/f", "system.posix_acl_access", got, 64), -1);
    assert_int_equal(get_attr(f, "root/d/f", "system.posix_acl_access", got, 64), -1);
    assert_int_equal(get_attr(f, "root/d", "system.posix_acl_access", got, 64), -1);
    assert_int_equal(get_attr(f, "root/d", "system.posix_acl_default", got, 64), -1);
    assert_int_equal(look(f, "root/f").st_mode, S_IFREG | 0644);
    assert_int_equal(look(f, "root/d").st_mode, S_IFDIR | 0751);
}

static void a_broken_acl_is_counted_and_grants_nothing(void **state)
{
    fixture *f = *state;
    const bsi_xattr attr = attr_of("system.posix_acl_access", "\2\0\0\0junk", 8);
    bsi_entry entry = file_entry("f", "x");

    entry.stat.mode = 0670; /* The group bits are the mask of an ACL that is missing. */
    entry.xattrs = &attr;
    entry.xattr_count = 1;
    assert_ok(put_entry(open_target(f), &entry, "x"));
    assert_ok(bsi_target_sync(f->target));
    assert_int_equal(f->warning_count, 1);
    assert_non_null(strstr(f->last_text, "access control list not set, 1 times"));
    assert_int_equal(look(f, "root/f").st_mode, S_IFREG | 0600);
}

static void what_gives_power_needs_a_privileged_restore(void **state)
{
    fixture *f = *state;
    const bsi_xattr attrs[] = {attr_of("security.capability", "x", 1),
                               attr_of("security.selinux", "x", 1), attr_of("trusted.x", "x", 1)};
    bsi_entry entry = file_entry("f", "x");

    entry.stat.mode = 06755;
    entry.xattrs = attrs;
    entry.xattr_count = BSI_ARRAY_SIZE(attrs);
    f->options.ownership = true;
    assert_ok(put_entry(open_target(f), &entry, "x"));
    assert_int_equal(look(f, "root/f").st_mode, S_IFREG | 0755);
    assert_ok(bsi_target_sync(f->target));
    assert_int_equal(f->warning_count, 2); /* Bits once; attributes once, two of them. */
    assert_non_null(strstr(f->last_text, "2 times"));
}

static void a_privileged_restore_gives_power_back(void **state)
{
    /* VFS_CAP_REVISION_2, effective; cap_net_raw. */
    static const uint8_t capability[20] = {1, 0, 0, 2, 0, 32};
    fixture *f = *state;
    const bsi_xattr attrs[] = {attr_of("security.capability", capability, sizeof(capability)),
                               attr_of("trusted.x", "y", 1)};
    bsi_entry entry = file_entry("f", "x");
    bsi_entry device = entry_of("null", BSI_TYPE_CHAR_DEVICE, 0622);
    uint8_t got[64];

    if (!is_root() || !has_attrs(f, "trusted.x", "y", 1)) {
        skip();
    }
    f->options.privileged = true;
    f->options.ownership = true;
    entry.stat.mode = 04755;
    entry.stat.uid = 4242;
    entry.stat.gid = 4243;
    entry.xattrs = attrs;
    entry.xattr_count = BSI_ARRAY_SIZE(attrs);
    device.stat.rdev_major = 1;
    device.stat.rdev_minor = 3;
    assert_ok(put_entry(open_target(f), &entry, "x"));
    assert_int_equal(look(f, "root/f").st_mode, S_IFREG | 04755);
    assert_int_equal(look(f, "root/f").st_uid, 4242);
    assert_int_equal(look(f, "root/f").st_gid, 4243);
    assert_int_equal(get_attr(f, "root/f", "security.capability", got, 64), 20);
    assert_int_equal(get_attr(f, "root/f", "trusted.x", got, 64), 1);
    if (bsi_target_node(f->target, &device) == BS_OK) {
        assert_int_equal(look(f, "root/null").st_rdev, look(f, "/dev/null").st_rdev);
        assert_int_equal(look(f, "root/null").st_mode, S_IFCHR | 0622);
    } else {
        print_message("skipped: no devices can be made here\n");
    }
}

static void setuid_bits_need_the_owner_to_be_right(void **state)
{
    fixture *f = *state;
    bsi_entry entry = file_entry("f", "x");

    f->options.privileged = true; /* But not ownership: the file is the restorer's. */
    entry.stat.mode = 04755;
    entry.stat.uid = 4242;
    assert_ok(put_entry(open_target(f), &entry, "x"));
    assert_int_equal(look(f, "root/f").st_mode, S_IFREG | 0755);
}

static void owners_go_by_rule_then_name_then_number(void **state)
{
    static const bsi_owner_rule rules[] = {
        {.from = {"alice", 5}, .to = {"5001", 4}},
        {.from = {"5002", 4}, .to = {"root", 4}},
        {.from = {"staffers", 8}, .to = {"5003", 4}, .group = true},
    };
    static const struct {
        const char *user;
        uint32_t uid;
        const char *group;
        uint32_t gid;
        uid_t is_uid;
        gid_t is_gid;
    } cases[] = {
        {"alice", 7, "staffers", 7, 5001, 5003},
        {"", 5002, "", 5002, 0, 5002},
        {"root", 77, "root", 77, 0, 0},
        {"nosuchname", 78, "nosuchname", 79, 78, 79},
    };
    fixture *f = *state;

    if (!is_root()) {
        skip();
    }
    f->options.ownership = true;
    f->options.owners = rules;
    f->options.owner_count = BSI_ARRAY_SIZE(rules);
    (void)open_target(f);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_entry entry = link_entry("f", "x");
        entry.user = bsi_slice_of(cases[i].user);
        entry.stat.uid = cases[i].uid;
        entry.group = bsi_slice_of(cases[i].group);
        entry.stat.gid = cases[i].gid;
        assert_ok(bsi_target_symlink(f->target, &entry));
        assert_int_equal(look(f, "root/f").st_uid, cases[i].is_uid);
        assert_int_equal(look(f, "root/f").st_gid, cases[i].is_gid);
        assert_int_equal(unlinkat(f->dir->fd, "root/f", 0), 0);
    }
    assert_int_equal(f->warning_count, 0);
}

static void a_rule_for_nobody_is_told_at_once(void **state)
{
    static const bsi_owner_rule rule = {.from = {"alice", 5}, .to = {"no such user", 12}};
    fixture *f = *state;
    char root[512];

    f->options.owners = &rule;
    f->options.owner_count = 1;
    assert_status(bsi_target_open(root_of(f, root), &f->options, NULL, &f->target), BS_E_INVALID);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    assert_false(is_there(f, "root"));
}

/* As an ordinary user, in a process of its own. Returns which step went wrong, or 0. */
static int restore_as_user(fixture *f)
{
    bsi_entry entry = file_entry("f", "x");
    char root[512];
    struct stat info;

    f->options.ownership = true;
    f->options.privileged = true;
    entry.stat.mode = 04640;
    entry.stat.uid = 4242;
    entry.stat.gid = 4242;
    if (bsi_target_open(root_of(f, root), &f->options, NULL, &f->target) < 0) {
        return 1;
    }
    if (put_entry(f->target, &entry, "x") != BS_OK) {
        return 2;
    }
    entry.path = bsi_slice_of("g");
    if (put_entry(f->target, &entry, "x") != BS_OK || f->warning_count != 0) {
        return 3;
    }
    if (bsi_target_sync(f->target) != BS_OK || f->warning_count != 2) {
        return 4;
    }
    if (fstatat(f->dir->fd, "root/g", &info, 0) != 0 || (info.st_mode & 07777) != 0640) {
        return 5;
    }
    bsi_target_close(f->target);
    return 0;
}

static void an_ordinary_user_loses_owners_and_is_told_once(void **state)
{
    fixture *f = *state;
    int status = 0;
    pid_t child = 0;

    plant_dir(f, "root");
    if (bsi_is_privileged()) {
        assert_int_equal(fchmod(f->dir->fd, 0755), 0);
        assert_int_equal(fchownat(f->dir->fd, "root", 65534, 65534, 0), 0);
    }
    child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(9);
        }
        _exit(restore_as_user(f));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void attributes_that_no_file_can_have_are_counted(void **state)
{
    fixture *f = *state;
    uint8_t *big = bsi_calloc(1, 70000);
    const bsi_xattr attrs[] = {{.name = {"user.\0", 6}, .value = {"x", 1}},
                               {.name = {"", 0}, .value = {"x", 1}},
                               {.name = {"user.big", 8}, .value = {(const char *)big, 70000}}};
    bsi_entry entry = file_entry("f", "x");

    entry.xattrs = attrs;
    entry.xattr_count = BSI_ARRAY_SIZE(attrs);
    assert_ok(put_entry(open_target(f), &entry, "x"));
    bsi_free(big);
    close_target(f);
    assert_int_equal(f->warning_count, 1);
    assert_non_null(strstr(f->last_text, "extended attribute not set, 3 times"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(mode_and_time_come_back),
        CASE(without_permissions_nothing_is_more_open_than_it_was),
        CASE(a_directory_that_was_there_is_changed_only_on_request),
        CASE(a_directory_that_was_swapped_gets_no_metadata),
        CASE(attributes_and_acls_come_back),
        CASE(a_default_acl_of_the_place_does_not_stick),
        CASE(a_broken_acl_is_counted_and_grants_nothing),
        CASE(what_gives_power_needs_a_privileged_restore),
        CASE(a_privileged_restore_gives_power_back),
        CASE(setuid_bits_need_the_owner_to_be_right),
        CASE(owners_go_by_rule_then_name_then_number),
        CASE(a_rule_for_nobody_is_told_at_once),
        CASE(an_ordinary_user_loses_owners_and_is_told_once),
        CASE(attributes_that_no_file_can_have_are_counted),
    };

    return cmocka_run_group_tests_name("target/meta", tests, NULL, NULL);
}
