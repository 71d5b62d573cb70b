/* SPDX-License-Identifier: MIT */
/*
 * Reads replies, facts and listings.
 */
#include "net/ftp_text.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/calendar.h"

enum {
    CODE_SIZE = 3,
    TIME_DIGITS = BSI_FTP_TIME_SIZE - 1,
    MODE_SIZE = 10, /* "-rw-r--r--", behind which may come one of "+.@". */
    WORDS_MAX = 12, /* Of a line of LIST before the name. */
    DATE_WORD = 3,  /* The first that may be a month: size and links come before. */
    DOS_DATE_SIZE = 8,
};

bool bsi_ftp_line_next(bsi_slice *in, bsi_slice *out)
{
    const char *end = in->size > 0 ? memchr(in->data, '\n', in->size) : NULL;
    const size_t size = end ? (size_t)(end - in->data) : in->size;

    if (in->size == 0) {
        return false;
    }
    *out = (bsi_slice){in->data, size};
    if (out->size > 0 && out->data[out->size - 1] == '\r') {
        out->size--;
    }
    in->data += size + (end ? 1 : 0);
    in->size -= size + (end ? 1 : 0);
    return true;
}

bsi_slice bsi_ftp_word_next(bsi_slice *in)
{
    bsi_slice word = {"", 0};

    while (in->size > 0 && *in->data == ' ') {
        in->data++;
        in->size--;
    }
    word.data = in->data;
    while (in->size > 0 && *in->data != ' ') {
        in->data++;
        in->size--;
        word.size++;
    }
    return word;
}

static bool is_word(bsi_slice word, const char *text)
{
    return word.size == strlen(text) && bsi_equal_but_for_case(word.data, text, word.size);
}

/* --- Replies --- */

static bool all_digits(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!bsi_is_digit(text[i])) {
            return false;
        }
    }
    return true;
}

/* The code that a line begins with, and what stands behind it: ' ' or '-'; 0: none. */
static int code_of(bsi_slice line, char *mark_out)
{
    if (line.size < CODE_SIZE || !all_digits(line.data, CODE_SIZE) || line.data[0] < '1' ||
        line.data[0] > '5') {
        return 0;
    }
    *mark_out = ' ';
    if (line.size > CODE_SIZE) {
        *mark_out = line.data[CODE_SIZE];
    }
    if (*mark_out != ' ' && *mark_out != '-') {
        return 0;
    }
    return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

static bsi_slice behind_code(bsi_slice line)
{
    const size_t skipped = line.size > CODE_SIZE ? CODE_SIZE + 1 : line.size;

    return (bsi_slice){line.data + skipped, line.size - skipped};
}

/* "123-..." is followed by lines of whatever form until "123 ...". */
bool bsi_ftp_reply_next(bsi_slice *in, bsi_ftp_reply *out)
{
    bsi_slice line;
    char mark = ' ';
    int open = 0; /* The code of a reply whose end has not come. */

    while (bsi_ftp_line_next(in, &line)) {
        const int code = code_of(line, &mark);
        if (open == 0 && code > 0) {
            *out = (bsi_ftp_reply){.code = code, .lines = {line.data, 0}};
            open = code;
        }
        if (open > 0 && code == open && mark == ' ') {
            out->text = behind_code(line);
            out->lines.size = (size_t)(line.data + line.size - out->lines.data);
            return true;
        }
    }
    return false;
}

/* "HASH SHA-1;SHA-256*;MD5": the algorithms, the chosen one with a star. */
static bool offers_sha256(bsi_slice list)
{
    static const char name[] = "SHA-256";
    const size_t size = sizeof(name) - 1;

    for (size_t i = 0; i + size <= list.size; i++) {
        const bool begins = i == 0 || list.data[i - 1] == ';';
        const bool ends =
            i + size == list.size || list.data[i + size] == ';' || list.data[i + size] == '*';
        if (begins && ends && bsi_equal_but_for_case(list.data + i, name, size)) {
            return true;
        }
    }
    return false;
}

static unsigned feature_of(bsi_slice line)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        {"MLST", BSI_FTP_CAN_MLST},
        {"MFMT", BSI_FTP_CAN_MFMT},
        {"XSHA256", BSI_FTP_CAN_XSHA256},
        {"UTF8", BSI_FTP_CAN_UTF8},
    };
    const bsi_slice word = bsi_ftp_word_next(&line);

    if (is_word(word, "REST")) {
        return is_word(bsi_ftp_word_next(&line), "STREAM") ? BSI_FTP_CAN_REST : 0;
    }
    if (is_word(word, "HASH")) {
        return offers_sha256(bsi_ftp_word_next(&line)) ? BSI_FTP_CAN_HASH : 0;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (is_word(word, known[i].name)) {
            return known[i].bit;
        }
    }
    return 0;
}

unsigned bsi_ftp_features(bsi_slice lines)
{
    unsigned found = 0;
    bsi_slice line;

    while (bsi_ftp_line_next(&lines, &line)) {
        if (line.size > 0 && line.data[0] == ' ') {
            found |= feature_of(line);
        }
    }
    return found;
}

/* --- Numbers and times --- */

bool bsi_ftp_number(bsi_slice text, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.size; i++) {
        const uint64_t digit = (uint64_t)(uint8_t)text.data[i] - '0';
        if (digit > 9 || value > ((uint64_t)INT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return text.size > 0;
}

static int32_t digits(const char *text, size_t size)
{
    int32_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static bool is_civil(const bsi_civil *civil)
{
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= bsi_days_in_month(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 60;
}

bool bsi_ftp_time(bsi_slice text, int64_t *sec_out)
{
    bsi_civil civil;

    if (text.size < TIME_DIGITS || !all_digits(text.data, TIME_DIGITS) ||
        (text.size > TIME_DIGITS && text.data[TIME_DIGITS] != '.')) {
        return false;
    }
    civil = (bsi_civil){.year = digits(text.data, 4),
                        .month = digits(text.data + 4, 2),
                        .day = digits(text.data + 6, 2),
                        .hour = digits(text.data + 8, 2),
                        .minute = digits(text.data + 10, 2),
                        .second = digits(text.data + 12, 2)};
    if (!is_civil(&civil)) {
        return false;
    }
    *sec_out = bsi_time_from_civil(&civil);
    return true;
}

bool bsi_ftp_time_format(int64_t sec, char out[BSI_FTP_TIME_SIZE])
{
    char room[64];
    bsi_civil civil;

    if (sec < BSI_CIVIL_TIME_MIN || sec > BSI_CIVIL_TIME_MAX ||
        bsi_civil_from_time(sec, &civil) < 0) {
        return false;
    }
    (void)snprintf(room, sizeof(room), "%04d%02d%02d%02d%02d%02d", civil.year, civil.month,
                   civil.day, civil.hour, civil.minute, civil.second);
    memcpy(out, room, BSI_FTP_TIME_SIZE);
    return true;
}

/* --- Facts --- */

static void take_fact(bsi_slice name, bsi_slice value, bsi_ftp_entry *out)
{
    if (is_word(name, "type")) {
        out->is_file = is_word(value, "file");
        out->is_dir = is_word(value, "dir");
    } else if (is_word(name, "size")) {
        out->has_size = bsi_ftp_number(value, &out->size);
    } else if (is_word(name, "modify")) {
        out->has_time = bsi_ftp_time(value, &out->sec);
    }
}

/* "type=file;size=12; name": each fact with its semicolon, one space, all else is the name. */
bool bsi_ftp_entry_of_facts(bsi_slice line, bsi_ftp_entry *out)
{
    size_t begin = 0;
    size_t equals = 0;

    *out = (bsi_ftp_entry){.is_file = false};
    for (size_t i = 0; i < line.size; i++) {
        const char byte = line.data[i];
        if (byte == ' ' && i == begin) {
            out->name = (bsi_slice){line.data + i + 1, line.size - i - 1};
            return out->name.size > 0;
        }
        if (byte == '=' && equals == 0) {
            equals = i;
        }
        if (byte != ';') {
            continue;
        }
        if (equals > begin) {
            take_fact((bsi_slice){line.data + begin, equals - begin},
                      (bsi_slice){line.data + equals + 1, i - equals - 1}, out);
        }
        begin = i + 1;
        equals = 0;
    }
    return false;
}

/* --- Listings --- */

static bool is_month(bsi_slice word)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (size_t i = 0; word.size == 3 && months[i]; i += 3) {
        if (bsi_equal_but_for_case(word.data, months + i, 3)) {
            return true;
        }
    }
    return false;
}

static bool is_day(bsi_slice word)
{
    return word.size >= 1 && word.size <= 2 && all_digits(word.data, word.size);
}

/* "2026" or "23:59". */
static bool is_year_or_time(bsi_slice word)
{
    if (word.size == 4 && all_digits(word.data, 4)) {
        return true;
    }
    return word.size == 5 && all_digits(word.data, 2) && word.data[2] == ':' &&
           all_digits(word.data + 3, 2);
}

/* "-rw-r--r--" */
static bool is_mode(bsi_slice word)
{
    if (word.size < MODE_SIZE || word.size > MODE_SIZE + 1 || word.data[0] == '\0' ||
        !strchr("-dlbcpsD", word.data[0])) {
        return false;
    }
    for (size_t i = 1; i < MODE_SIZE; i++) {
        if (word.data[i] == '\0' || !strchr("-rwxsStT", word.data[i])) {
            return false;
        }
    }
    return true;
}

/* "name -> target": the target may be anything, so that the first arrow is taken. */
static bsi_slice without_target(bsi_slice name)
{
    static const char arrow[] = " -> ";

    for (size_t i = 1; i + sizeof(arrow) - 1 <= name.size; i++) {
        if (memcmp(name.data + i, arrow, sizeof(arrow) - 1) == 0) {
            return (bsi_slice){name.data, i};
        }
    }
    return name;
}

/*
 * Mode, links, owner, perhaps group, size, month, day, year or time, one space, name. Owners may
 * have spaces: so the date is looked for.
 */
static bool unix_entry(bsi_slice line, bsi_ftp_entry *out)
{
    bsi_slice words[WORDS_MAX];
    char type = '\0';

    for (size_t i = 0; i < WORDS_MAX; i++) {
        words[i] = bsi_ftp_word_next(&line);
        if (i == 0 && (words[0].size == 0 || !is_mode(words[0]))) {
            return false;
        }
        type = words[0].data[0];
        if (i < DATE_WORD + 2 || !is_year_or_time(words[i]) || !is_day(words[i - 1]) ||
            !is_month(words[i - 2])) {
            continue;
        }
        out->has_size = bsi_ftp_number(words[i - 3], &out->size);
        out->is_file = type == '-' && out->has_size;
        out->is_dir = type == 'd';
        if (line.size < 2) {
            return false;
        }
        out->name = (bsi_slice){line.data + 1, line.size - 1};
        out->name = type == 'l' ? without_target(out->name) : out->name;
        return true;
    }
    return false;
}

/* "11-23-26  11:10PM       <DIR>          name", or a size in the place of <DIR>. */
static bool dos_entry(bsi_slice line, bsi_ftp_entry *out)
{
    const bsi_slice date = bsi_ftp_word_next(&line);
    const bsi_slice time = bsi_ftp_word_next(&line);
    const bsi_slice size = bsi_ftp_word_next(&line);

    if (date.size < DOS_DATE_SIZE || date.data[2] != '-' || date.data[5] != '-' || time.size < 5 ||
        time.data[2] != ':' || line.size < 2) {
        return false;
    }
    out->is_dir = is_word(size, "<DIR>");
    out->is_file = bsi_ftp_number(size, &out->size);
    out->has_size = out->is_file;
    line.data++;
    line.size--;
    while (out->is_dir && line.size > 1 && line.data[0] == ' ') {
        line.data++;
        line.size--;
    }
    out->name = line;
    return out->is_dir || out->is_file;
}

bool bsi_ftp_entry_of_list(bsi_slice line, bsi_ftp_entry *out)
{
    *out = (bsi_ftp_entry){.is_file = false};
    if (unix_entry(line, out)) {
        return true;
    }
    *out = (bsi_ftp_entry){.is_file = false};
    return dos_entry(line, out);
}
