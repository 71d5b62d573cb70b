/* SPDX-License-Identifier: MIT */
/*
 * Manifests that somebody wrote who can write to the storage. The letters behind
 * "@" are explained in support/forge.h.
 */
#include "hostile_cases.h"

#include <stddef.h>

#define F(path) "{\"path\":\"" path "\",@F}\n"
#define D(path) "{\"path\":\"" path "\",@D}\n"
#define S(path, to) "{\"path\":\"" path "\",@S,\"link\":\"" to "\"}\n"
#define HARD(path, to) "{\"path\":\"" path "\",@F,\"linked\":\"" to "\"}\n"
#define RAW(fields) "{\"path\":\"a\"," fields "}\n"
#define STAT "@M,\"nlink\":1"
#define CONTENT "\"size\":5,\"sha256\":\"@H\",\"stored_in\":\"@I\",\"at\":[0,0]"
#define X16 "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16
#define DEEP16 "[[[[[[[[[[[[[[[["
#define PEED16 "]]]]]]]]]]]]]]]]"

#define PATH(name, path)                         \
    {                                            \
        name, REFUSED, F(path), NULL, NULL, NULL \
    }
#define LINES(name, outcome, lines)            \
    {                                          \
        name, outcome, lines, NULL, NULL, NULL \
    }
#define FIELD(name, outcome, fields)                 \
    {                                                \
        name, outcome, RAW(fields), NULL, NULL, NULL \
    }
#define FIRST(name, outcome, find, replace)        \
    {                                              \
        name, outcome, F("a"), find, replace, NULL \
    }
#define LAST(name, last)                        \
    {                                           \
        name, REFUSED, F("a"), NULL, NULL, last \
    }

const hostile_case hostile_cases[] = {
    LINES("a good one", HARMLESS, D("d") F("d/a") S("d/l", "a")),

    /* Paths. */
    PATH("a path upwards", "../x"),
    PATH("a path upwards in the middle", "a/../../x"),
    PATH("a path upwards at the end", "a/.."),
    PATH("dots alone", ".."),
    PATH("a dot alone", "."),
    PATH("a dot in the middle", "a/./b"),
    PATH("an empty path", ""),
    PATH("an absolute path", "/@G/secret"),
    PATH("an absolute path twice over", "//@G/secret"),
    PATH("an empty component", "a//b"),
    PATH("a slash at the end", "a/"),
    PATH("a zero byte", "a\\u0000b"),
    PATH("a name of 256 bytes", X256),
    PATH("no UTF-8", "\xff"),
    PATH("dots in two bytes each", "\xc0\xae\xc0\xae/x"),
    PATH("half a surrogate pair", "\\ud800"),
    LINES("a path upwards in base 64", REFUSED, "{\"path_base64\":\"Li4veA==\",@F}\n"),
    LINES("a zero byte in base 64", REFUSED, "{\"path_base64\":\"YQBi\",@F}\n"),
    LINES("an empty path in base 64", REFUSED, "{\"path_base64\":\"\",@F}\n"),
    LINES("no base 64", REFUSED, "{\"path_base64\":\"!!!!\",@F}\n"),
    LINES("base 64 without its end", REFUSED, "{\"path_base64\":\"YQ\",@F}\n"),
    LINES("two paths", REFUSED, "{\"path\":\"a\",\"path_base64\":\"Yg==\",@F}\n"),
    LINES("a path twice", REFUSED, "{\"path\":\"a\",\"path\":\"b\",@F}\n"),
    LINES("a path that is no text", REFUSED, "{\"path\":7,@F}\n"),
    LINES("a path that is nothing", REFUSED, "{\"path\":null,@F}\n"),
    LINES("a backslash and a drive", HARMLESS, F("C:\\\\x") F("\\\\..\\\\x")),
    LINES("an escape sequence", HARMLESS, F("\\u001b[31mred")),
    LINES("a line break", HARMLESS, F("a\\r\\nSet-Cookie: x")),
    LINES("right to left", HARMLESS, F("\\u202etxt.exe")),

    /* Order. */
    LINES("an entry twice", REFUSED, F("a") F("a")),
    LINES("a file and a directory of one name", REFUSED, F("a") D("a")),
    LINES("a directory that becomes a link", REFUSED, D("a") S("a", "/@G") F("a/x")),
    LINES("out of order", REFUSED, F("b") F("a")),
    LINES("out of order below", REFUSED, D("a") F("b") F("a/x")),
    LINES("below a file", REFUSED, F("a") F("a/x")),
    LINES("below a link upwards", REFUSED, S("a", "..") F("a/x")),
    LINES("below a link to somewhere", REFUSED, S("a", "/@G") F("a/secret")),
    LINES("deep below a link", REFUSED, S("a", "/@G") F("a/b/c/d")),
    LINES("below a hard link", REFUSED, F("a") HARD("b", "a") F("b/x")),
    LINES("links that lead out", HARMLESS, S("l1", "..") S("l2", "/@G/secret") S("l3", "/")),
    LINES("a link to itself", HARMLESS, S("l", "l")),
    LINES("a directory beside a link", HARMLESS, D("d") F("d/x") S("e", "d")),

    /* Hard links. */
    LINES("a hard link upwards", REFUSED, HARD("a", "../secret")),
    LINES("a hard link to an absolute path", REFUSED, HARD("a", "/@G/secret")),
    LINES("a hard link to a zero byte", REFUSED, HARD("a", "x\\u0000")),
    LINES("a hard link to nothing there", HARMLESS, HARD("a", "nothing")),
    LINES("a hard link to itself", HARMLESS, HARD("a", "a")),
    LINES("a hard link to a later one", HARMLESS, HARD("a", "b") F("b")),
    LINES("hard links in a circle", HARMLESS, HARD("a", "b") HARD("b", "a")),
    LINES("a hard link to a link", HARMLESS, HARD("a", "l") S("l", "/@G/secret")),
    LINES("a hard link through a link", HARMLESS, HARD("a", "l/secret") S("l", "/@G")),
    LINES("a hard link to a directory", HARMLESS, D("d") HARD("e", "d")),
    LINES("a directory as a hard link", REFUSED, F("a") "{\"path\":\"b\",@D,\"linked\":\"a\"}\n"),

    /* Fields. */
    FIELD("no type", REFUSED, STAT "," CONTENT),
    FIELD("an unknown type", REFUSED, "\"type\":\"door\"," STAT),
    FIELD("an unknown field", REFUSED, "@F,\"more\":1"),
    FIELD("a field twice", REFUSED, "@F,\"size\":5"),
    FIELD("size of 2^63", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":9223372036854775808,\"sha256\":\"@H\","
          "\"stored_in\":\"@I\",\"at\":[0,0]"),
    FIELD("size of 2^64", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":18446744073709551616,\"sha256\":\"@H\","
          "\"stored_in\":\"@I\",\"at\":[0,0]"),
    FIELD("size below nothing", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":-1,\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("size with a fraction", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5.5,\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("size as text", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":\"5\",\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("size of 2^62", DAMAGED,
          "\"type\":\"file\"," STAT ",\"size\":4611686018427387904,\"sha256\":\"@H\","
          "\"stored_in\":\"@I\",\"at\":[0,0]"),
    FIELD("more than the container has", DAMAGED,
          "\"type\":\"file\"," STAT ",\"size\":500000,\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("no digest", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"stored_in\":\"@I\",\"at\":[0,0]"),
    FIELD("a short digest", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"sha256\":\"00\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("a digest in capitals", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"sha256\":\"2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161"
          "E5C1FA7425E73043362938B9824\",\"stored_in\":\"@I\",\"at\":[0,0]"),
    FIELD("the digest of something else", DAMAGED,
          "\"type\":\"file\"," STAT ",\"size\":4,\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("nothing, with a digest", DAMAGED,
          "\"type\":\"file\"," STAT ",\"size\":0,\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,0]"),
    FIELD("another's content", DAMAGED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"sha256\":\"@H\",\"stored_in\":\"@I\","
          "\"at\":[0,7]"),
    FIELD("stored nowhere", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"sha256\":\"@H\",\"at\":[0,0]"),
    FIELD("stored in an unknown backup", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"sha256\":\"@H\",\"stored_in\":\"01234567-89ab-"
          "7cde-8f01-000000000000\",\"at\":[0,0]"),
    FIELD("stored in a short id", REFUSED,
          "\"type\":\"file\"," STAT
          ",\"size\":5,\"sha256\":\"@H\",\"stored_in\":\"x\",\"at\":[0,0]"),
    FIELD("no place", REFUSED,
          "\"type\":\"file\"," STAT ",\"size\":5,\"sha256\":\"@H\",\"stored_in\":\"@I\""),
#define AT(name, outcome, at)       \
    FIELD(name, outcome,            \
          "\"type\":\"file\"," STAT \
          ",\"size\":5,\"sha256\":\"@H\",\"stored_in\":\"@I\",\"at\":" at)
    AT("a place of one number", REFUSED, "[0]"),
    AT("a place of three numbers", REFUSED, "[0,0,0]"),
    AT("a place of five numbers", REFUSED, "[0,0,0,0,0]"),
    AT("a place of texts", REFUSED, "[\"0\",\"0\"]"),
    AT("a place of lists", REFUSED, "[[0],[0]]"),
    AT("a place that is none", REFUSED, "{}"),
    AT("a place outside", REFUSED, "[100000,0]"),
    AT("a place far outside", REFUSED, "[18446744073709551615,0]"),
    AT("a place that wraps around", REFUSED, "[1,0,18446744073709551615,0]"),
    AT("a method out of range", REFUSED, "[0,0,0,4294967296]"),
    AT("an unknown method", DAMAGED, "[0,0,0,99]"),
    AT("a place behind the content", DAMAGED, "[0,100000]"),
    AT("a place far behind the content", DAMAGED, "[0,18446744073709551615]"),
    AT("a place inside of a frame", DAMAGED, "[3,0]"),
#define EXTENTS(name, outcome, extents)                                   \
    FIELD(name, outcome,                                                  \
          "\"type\":\"file\"," STAT ",\"size\":8192,\"extents\":" extents \
          ",\"sha256\":\"@H\",\"stored_in\":\"@I\",\"at\":[0,0]")
    EXTENTS("extents that overlap", REFUSED, "[0,5,4,5]"),
    EXTENTS("extents backwards", REFUSED, "[512,5,0,5]"),
    EXTENTS("an extent outside", REFUSED, "[8190,5]"),
    EXTENTS("an extent that wraps around", REFUSED, "[18446744073709551615,5]"),
    EXTENTS("an empty extent", REFUSED, "[0,0]"),
    EXTENTS("half an extent", REFUSED, "[0,5,6]"),
    EXTENTS("extents as text", REFUSED, "\"0,5\""),
    EXTENTS("no extents", DAMAGED, "[]"),
    EXTENTS("a good extent", HARMLESS, "[4096,5]"),
    FIELD("a mode of nothing", REFUSED,
          "\"type\":\"dir\",\"mode\":\"\",\"uid\":0,\"gid\":0,\"mtime\":\"1\""),
    FIELD("a mode of nines", REFUSED,
          "\"type\":\"dir\",\"mode\":\"0999\",\"uid\":0,\"gid\":0,\"mtime\":\"1\""),
    FIELD("a mode that is too long", REFUSED,
          "\"type\":\"dir\",\"mode\":\"100755\",\"uid\":0,\"gid\":0,\"mtime\":\"1\""),
    FIELD("an owner out of range", REFUSED,
          "\"type\":\"dir\",\"mode\":\"0755\",\"uid\":4294967296,\"gid\":0,\"mtime\":\"1\""),
    FIELD("the owner that is none", HARMLESS,
          "\"type\":\"dir\",\"mode\":\"0755\",\"uid\":4294967295,\"gid\":4294967295,"
          "\"mtime\":\"1\""),
    FIELD("a time that is none", REFUSED,
          "\"type\":\"dir\",\"mode\":\"0755\",\"uid\":0,\"gid\":0,\"mtime\":\"now\""),
    FIELD("a time out of range", REFUSED,
          "\"type\":\"dir\",\"mode\":\"0755\",\"uid\":0,\"gid\":0,"
          "\"mtime\":\"99999999999999999999\""),
    FIELD("the last time there is", HARMLESS,
          "\"type\":\"dir\",\"mode\":\"0755\",\"uid\":0,\"gid\":0,"
          "\"mtime\":\"9223372036854775807.999999999\""),
    FIELD("setuid and everything", HARMLESS,
          "\"type\":\"file\",\"mode\":\"7777\",\"uid\":0,\"gid\":0,\"mtime\":\"1\"," CONTENT),
    FIELD("a directory with content", REFUSED, "\"type\":\"dir\"," STAT ",\"sha256\":\"@H\""),
    FIELD("a directory with a place", REFUSED, "\"type\":\"dir\"," STAT ",\"at\":[0,0]"),
    FIELD("a link with extents", REFUSED,
          "\"type\":\"symlink\"," STAT ",\"link\":\"x\",\"extents\":[0,1]"),
    FIELD("a link to nothing", REFUSED, "\"type\":\"symlink\"," STAT ",\"link\":\"\""),
    FIELD("a link without content", REFUSED, "\"type\":\"symlink\"," STAT),
    FIELD("a link with a zero byte", REFUSED,
          "\"type\":\"symlink\"," STAT ",\"link_base64\":\"YQBi\""),
    FIELD("a link of two contents", REFUSED,
          "\"type\":\"symlink\"," STAT ",\"link\":\"x\",\"link_base64\":\"YQ==\""),
    FIELD("a file with a link's content", REFUSED, "@F,\"link\":\"/@G/secret\""),
    FIELD("a disk", HARMLESS, "\"type\":\"blockdev\"," STAT ",\"major\":8,\"minor\":0"),
    FIELD("memory", HARMLESS, "\"type\":\"chardev\"," STAT ",\"major\":1,\"minor\":1"),
    FIELD("a device out of range", REFUSED,
          "\"type\":\"chardev\"," STAT ",\"major\":4294967296,\"minor\":1"),
    FIELD("a pipe", HARMLESS, "\"type\":\"fifo\"," STAT),
    FIELD("a socket", HARMLESS, "\"type\":\"socket\"," STAT),
    FIELD("deep nonsense", REFUSED,
          "@F,\"more\":" DEEP16 DEEP16 DEEP16 DEEP16 DEEP16 PEED16 PEED16 PEED16 PEED16 PEED16),

/* Attributes. */
#define XATTRS(name, outcome, xattrs) FIELD(name, outcome, "@F,\"xattrs\":" xattrs)
    XATTRS(
        "a capability", HARMLESS,
        "[{\"name\":\"security.capability\",\"value_base64\":\"AQAAAgAgAAAAAAAAAAAAAAAAAAA=\"}]"),
    XATTRS("a trusted attribute", HARMLESS,
           "[{\"name\":\"trusted.overlay.opaque\",\"value\":\"y\"}]"),
    XATTRS("an ACL that is none", HARMLESS,
           "[{\"name\":\"system.posix_acl_access\",\"value\":\"rubbish\"}]"),
    XATTRS("an attribute of no kind", HARMLESS, "[{\"name\":\"nonsense\",\"value\":\"x\"}]"),
    XATTRS("an attribute without a name", REFUSED, "[{\"name\":\"\",\"value\":\"x\"}]"),
    XATTRS("an attribute without its name", REFUSED, "[{\"value\":\"x\"}]"),
    XATTRS("an attribute with a zero byte", REFUSED,
           "[{\"name_base64\":\"dXNlci4AYQ==\",\"value\":\"x\"}]"),
    XATTRS("an attribute with a long name", REFUSED, "[{\"name\":\"" X256 "\",\"value\":\"x\"}]"),
    XATTRS("an attribute with two names", REFUSED,
           "[{\"name\":\"user.a\",\"name\":\"user.b\",\"value\":\"x\"}]"),
    XATTRS("an attribute with another field", REFUSED,
           "[{\"name\":\"user.a\",\"value\":\"x\",\"very\":\"y\"}]"),
    XATTRS("attributes that are no list", REFUSED, "{}"),
    XATTRS("an attribute that is no object", REFUSED, "[1]"),

    /* Kinds of lines. */
    LINES("no entries", HARMLESS, ""),
    LINES("an empty line", REFUSED, F("a") "\n"),
    LINES("an unknown kind of line", REFUSED, "{\"other\":{}}\n"),
    LINES("no JSON", REFUSED, "{\"path\n"),
    LINES("an entry cut short", REFUSED, "{\"path\":\"a\"\n"),
    LINES("two entries in a line", REFUSED, "{\"path\":\"a\",@F}{\"path\":\"b\",@F}\n"),
    LINES("the first line again", REFUSED, F("a") "{\"manifest\":1}\n"),
    LINES("a warning in control characters", HARMLESS,
          "{\"warning\":{\"code\":-5,\"layer\":1,\"path\":\"\\u001b[2J\","
          "\"message\":\"\\u001b[2J\"}}\n"),
    LINES("a warning that is none", HARMLESS,
          "{\"warning\":{\"code\":9223372036854775807,\"layer\":77,\"path\":\"\","
          "\"message\":\"\"}}\n"),

    /* The first line. */
    FIRST("a newer version", NEWER, "\"manifest\":1", "\"manifest\":2"),
    FIRST("a far newer version", NEWER, "\"manifest\":1", "\"manifest\":18446744073709551615"),
    FIRST("version 0", REFUSED, "\"manifest\":1", "\"manifest\":0"),
    FIRST("a version below nothing", REFUSED, "\"manifest\":1", "\"manifest\":-1"),
    FIRST("a version as text", REFUSED, "\"manifest\":1", "\"manifest\":\"1\""),
    FIRST("no id", REFUSED, "\"id\":\"@I\",", ""),
    FIRST("a short id", REFUSED, "\"id\":\"@I\"", "\"id\":\"1\""),
    FIRST("another's id", REFUSED, "\"id\":\"@I\"",
          "\"id\":\"01234567-89ab-7cde-8f01-00000000abcd\""),
    FIRST("an id twice", REFUSED, "\"id\":\"@I\"", "\"id\":\"@I\",\"id\":\"@I\""),
    FIRST("a name upwards", REFUSED, "\"name\":\"home\"", "\"name\":\"../home\""),
    FIRST("an empty name", REFUSED, "\"name\":\"home\"", "\"name\":\"\""),
    FIRST("another name", REFUSED, "\"name\":\"home\"", "\"name\":\"work\""),
    FIRST("an unknown kind of backup", REFUSED, "\"full\"", "\"partial\""),
    FIRST("another kind of backup", REFUSED, "\"full\"", "\"incremental\""),
    FIRST("a mirror that is an archive", REFUSED, "\"full\"", "\"mirror\""),
    FIRST("an archive that is a mirror", REFUSED, "\"form\":\"archive\"", "\"form\":\"mirror\""),
    FIRST("an unknown form", REFUSED, "\"form\":\"archive\"", "\"form\":\"shape\""),
    FIRST("an unknown field in front", REFUSED, "\"note\":\"\"", "\"note\":\"\",\"tone\":1"),
    FIRST("a list as options", REFUSED, "\"options\":{}", "\"options\":[]"),
    FIRST("an object as sources", REFUSED, "\"source_paths\":[\"/a\"]", "\"source_paths\":{}"),
    FIRST("sources without a slash", HARMLESS, "[\"/a\"]", "[\"a\"]"),
    FIRST("a source that is no text", HARMLESS, "[\"/a\"]", "[1]"),
    FIRST("a date that is none", REFUSED, "2026-11-23T02:00:00.000000000Z", "yesterday"),
    FIRST("retention out of range", REFUSED, "\"retention_days\":-1",
          "\"retention_days\":2147483648"),
    FIRST("a level out of range", REFUSED, "\"compression_level\":0",
          "\"compression_level\":99999999999"),
    FIRST(
        "deep metadata", REFUSED, "\"metadata\":{}",
        "\"metadata\":{\"a\":" DEEP16 DEEP16 DEEP16 DEEP16 DEEP16 PEED16 PEED16 PEED16 PEED16 PEED16
        "}"),
    FIRST("a container upwards", REFUSED, "{@C}",
          "{\"key\":\"../secret\",\"size\":1,\"sha256\":\"@H\"}"),
    FIRST("another's container", REFUSED, "{@C}",
          "{\"key\":\"home/20261123T020000Z-full-00000000.tar.zst\",\"size\":1,\"sha256\":\"@H\"}"),
    FIRST("no container", REFUSED, "\"container\":{@C},", ""),
    FIRST("a container without a key", REFUSED, "{@C}", "{\"size\":1,\"sha256\":\"@H\"}"),
    FIRST("its manifest as container", REFUSED, "{@C}",
          "{\"key\":\"home/20261123T020000Z-full-6789abcd.manifest.json.zst\",\"size\":1,"
          "\"sha256\":\"@H\"}"),
    FIRST("a zip file with encrypted members that nothing opens", REFUSED, "{@C}",
          "{\"key\":\"home/20261123T020000Z-full-6789abcd.aes.zip\",\"size\":1,"
          "\"sha256\":\"@H\"}"),
    FIRST("a pass phrase for members that are not encrypted", REFUSED, "\"note\":\"\"",
          "\"note\":\"\",\"zip_passphrase\":\"AA==\""),
    FIRST("a container that is gone", DAMAGED, "{@C}",
          "{\"key\":\"home/20261123T020000Z-full-6789abcd.gone\",\"size\":100,"
          "\"sha256\":\"@H\"}"),
    FIRST("a container of 2^64 bytes", DAMAGED, "{@C}",
          "{\"key\":\"home/20261123T020000Z-full-6789abcd.gone\",\"size\":18446744073709551615,"
          "\"sha256\":\"@H\"}"),
    FIRST("a container of an unknown kind", DAMAGED, "\"compression\":\"@K\"",
          "\"compression\":\"rar\""),
    FIRST("a container of another kind", DAMAGED, "\"compression\":\"@K\"",
          "\"compression\":\"tar.gz\""),
    FIRST("needing itself", REFUSED, "\"needs\":[]",
          "\"needs\":[{\"id\":\"@I\",\"compression\":\"tar\",\"key\":\"home/x.tar\",\"size\":1,"
          "\"sha256\":\"@H\"}]"),
    FIRST("needing what is gone, twice", UNSOUND, "\"needs\":[]",
          "\"needs\":[{\"id\":\"01234567-89ab-7cde-8f01-000000000000\",\"compression\":\"tar\","
          "\"key\":\"home/x.tar\",\"size\":1,\"sha256\":\"@H\"},{\"id\":\"01234567-89ab-7cde-8f01-"
          "000000000000\",\"compression\":\"zip\",\"key\":\"home/y.zip\",\"size\":1,"
          "\"sha256\":\"@H\"}]"),
    FIRST("needing something upwards", REFUSED, "\"needs\":[]",
          "\"needs\":[{\"id\":\"01234567-89ab-7cde-8f01-000000000000\",\"compression\":\"tar\","
          "\"key\":\"home/../../x\",\"size\":1,\"sha256\":\"@H\"}]"),
    FIRST("needing a short id", REFUSED, "\"needs\":[]",
          "\"needs\":[{\"id\":\"x\",\"compression\":\"tar\",\"key\":\"home/x\",\"size\":1,"
          "\"sha256\":\"@H\"}]"),
    FIRST("needing without an id", REFUSED, "\"needs\":[]",
          "\"needs\":[{\"compression\":\"tar\",\"key\":\"home/x\",\"size\":1,"
          "\"sha256\":\"@H\"}]"),
    FIRST("needs that are no list", REFUSED, "\"needs\":[]", "\"needs\":{}"),
    FIRST("more entries than there are", REFUSED, "\"entries\":@N", "\"entries\":2"),
    FIRST("fewer entries than there are", REFUSED, "\"entries\":@N", "\"entries\":0"),
    FIRST("entries below nothing", REFUSED, "\"entries\":@N", "\"entries\":-1"),
    FIRST("a byte order mark", REFUSED, "{\"manifest\":1", "\xef\xbb\xbf{\"manifest\":1"),

    /* The last line. */
    LAST("no last line", ""),
    LAST("a wrong hash", "{\"end\":{\"entries\":1,\"sha256\":\"@H\"}}\n"),
    LAST("no hash", "{\"end\":{\"entries\":1}}\n"),
    LAST("an end that is none", "{\"end\":1}\n"),
    LAST("an end with another field", "{\"end\":{\"entries\":1,\"sha256\":\"@H\",\"x\":1}}\n"),
    LAST("an end that is cut short", "{\"end\":{\"entries\":1,"),
};

const unsigned hostile_case_count = sizeof(hostile_cases) / sizeof(hostile_cases[0]);
