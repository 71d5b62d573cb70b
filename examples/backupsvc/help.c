/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs and the texts of the help.
 */
#include "help.h"

#include <string.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

const tool_verb verbs[] = {
    {"backup", "NAME SOURCE... [OPTION...] | NAME --command [OPTION...] -- ARGV...",
     "back up files, or the output of a command",
     "  NAME                 groups backups: letters, digits, space, . _ -\n"
     "  --type T             full (default), incremental, differential, mirror; into a\n"
     "                       repository incremental\n"
     "  --form F             archive (default), mirror, repository\n"
     "  --compression C      none, zip (default), tar.gz, tar.bz2, tar.zst, 7z; in a\n"
     "                       repository zstd (default), none\n"
     "  --level N            how hard to compress, within the container's range\n"
     "  --storage S          one of 'storage list'; default: local\n"
     "  --copy-to S          and a copy on this one; may be given again\n"
     "  --include P          only files that match; may be given again\n"
     "  --exclude P          nothing that matches; may be given again, wins\n"
     "  --retention-days N   keep so long; 0: for ever\n"
     "  --keep-last N        rules for all backups of the name, without days unless they are\n"
     "                       given; also --keep-hourly, -daily, -weekly, -monthly, -yearly\n"
     "  --metadata JSON      an object to keep with the backup\n"
     "  --encrypt E          none (default), aes256, rsa\n"
     "  --key REF            aes256: what opens it: env:NAME, file:PATH, keyring:NAME, or -\n"
     "                       to be asked; default: ENCRYPTION_KEY\n"
     "  --zip-encryption Z   envelope (default); winzip: a zip file that other programs open\n"
     "                       with the pass phrase\n"
     "  --recipient FILE     rsa: the public key of one who may read it; may be given again\n"
     "  --one-file-system    do not enter mount points\n"
     "  --command            run what follows -- and keep its output as one file\n"
     "\n"
     "Patterns are those of gitignore. SIGINT stops the backup and leaves nothing of it.\n",
     verb_backup},
    {"restore", "ID TARGET [OPTION...]", "put the files of a backup below a directory",
     "  --path P             only this path or pattern; may be given again\n"
     "  --overwrite          replace files that are there already\n"
     "  --no-permissions     leave out modes, times, extended attributes and ACLs\n"
     "  --no-ownership       leave out owners\n"
     "  --no-verify          put files in place without comparing their hashes\n"
     "  --owner-map FROM:TO  another owner; @FROM:TO for groups; may be given again\n"
     "  --privileged         also setuid and setgid bits, devices, capabilities\n"
     "  --strip              the content of the one source directly into TARGET\n"
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n"
     "\n"
     "/etc/hosts lands at TARGET/etc/hosts. Files that exist are kept and listed as warnings.\n",
     verb_restore},
    {"list", "[OPTION...]", "list backups, the newest first",
     "  --name N             only of this name\n"
     "  --status S           pending, running, completed, completed_with_warnings, failed,\n"
     "                       cancelled\n"
     "  --type T             full, incremental, differential, mirror\n"
     "  --limit N            at most so many, 1 to 1000; default: 50\n"
     "  --offset N           leave out so many of the newest\n",
     verb_list},
    {"show", "ID", "tell everything about a backup", "", verb_show},
    {"files", "ID [PATH] [OPTION...]", "list what a backup contains",
     "  --recursive          everything below PATH, not only what lies in it\n"
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n",
     verb_files},
    {"cat", "ID PATH [OPTION...]", "print one file of a backup",
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n"
     "\n"
     "The content is checked at its end: when that fails, the exit code is 1.\n",
     verb_cat},
    {"export", "ID FILE [OPTION...]", "copy a backup's container, or make one of a snapshot",
     "  --compression C      of a backup in a repository: none, zip, tar.gz, tar.bz2, tar.zst\n"
     "                       (default)\n"
     "  --level N            how hard to compress, within the container's range\n"
     "  --path P             only this path or pattern; may be given again\n"
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n"
     "\n"
     "FILE may be - for standard output. The container of an archive is a plain zip, tar or 7z\n"
     "file, and comes as it is stored; of a backup in a repository one is made on the way.\n",
     verb_export},
    {"verify", "ID [OPTION...]", "read everything of a backup again and compare",
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n"
     "\n"
     "Prints each damaged object and the files that it costs. Without a key only the stored\n"
     "bytes of an encrypted backup are compared.\n",
     verb_verify},
    {"drill", "ID | --name N [OPTION...]", "restore files of a backup, compare them, remove them",
     "  --name N             the newest backup of this name\n"
     "  --sample N|N%        so many files by chance, or such a share; default: 100\n"
     "  --all                all files\n"
     "  --scratch DIR        restore into a new directory in DIR; default: in the state\n"
     "                       directory\n"
     "  --report             no drill: tell of each name, or of --name N, when a backup was\n"
     "                       last proven, and how long restoring all of it should take\n"
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n",
     verb_drill},
    {"replicate", "SOURCE TARGET [ID...] [OPTION...]", "copy backups from one storage to another",
     "  --key REF            a key of encrypted backups: env:NAME, file:PATH, keyring:NAME, or -\n"
     "                       to be asked; only needed where their keys were changed\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n"
     "\n"
     "SOURCE and TARGET are names of storages. Without ID all archives that lie on SOURCE are\n"
     "copied, with it also what those need. What is there whole is not copied again: after a\n"
     "failure run the same again. Snapshots of repositories are copied by 'copy'.\n",
     verb_replicate},
    {"delete", "ID [--cascade]", "remove a backup",
     "  --cascade            also remove the backups that need it\n", verb_delete},
    {"retention",
     "plan|apply [OPTION...] | pin ID --reason TEXT [OPTION...] | unpin ID [--hold] |"
     " undelete ID",
     "remove what no rule keeps",
     "  plan                 tell what would go, and which rules keep each of the rest\n"
     "  apply                do it: mark, and remove what was marked a day ago\n"
     "  pin ID               keep a backup from everybody, until it is unpinned\n"
     "  unpin ID             take the pin away\n"
     "  undelete ID          keep a backup that was marked, and pin it\n"
     "\n"
     "Of plan and apply:\n"
     "  --name N             only this name\n"
     "  --keep-last N        these rules instead of those of the names; also --keep-hourly,\n"
     "                       -daily, -weekly, -monthly, -yearly, --retention-days\n"
     "  --accept-clock       the clock is right, though it does not look so\n"
     "  --dry-run            plan, whatever was said\n"
     "\n"
     "Of pin and unpin:\n"
     "  --reason TEXT        for whoever wants to remove the backup\n"
     "  --until TIME         such as 2030-01-01T00:00:00Z; default: without an end\n"
     "  --hold               a hold, apart from the pin\n",
     verb_retention},
    {"snapshots", "[OPTION...]", "list the snapshots of a repository, whoever made them",
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "BACKUP is what other verbs call it; 'rebuild' takes in those that restic has made.\n",
     verb_snapshots},
    {"diff", "SNAPSHOT SNAPSHOT [OPTION...]", "tell what is different between two snapshots",
     "  --metadata           also what differs only in mode, owner, times and the like\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "+ was added, - removed, M has another content, U other metadata, T another type.\n"
     "SNAPSHOT is the beginning of its id, or what the backup is called, such as latest:NAME.\n",
     verb_diff},
    {"find", "PATTERN... [OPTION...]", "find paths in the snapshots of a repository",
     "  --snapshot ID        only in this one; may be given again\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "Patterns are those of gitignore: a name is found in any directory, a path with a slash\n"
     "is one from the top. The newest snapshot comes first.\n",
     verb_find_paths},
    {"check", "[OPTION...]", "check a repository as a whole",
     "  --read-data          read packs too, and open all that is in them\n"
     "  --read-data-subset S only a part of them, such as 2/5, or a share by chance, such as\n"
     "                       10%\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "Prints what is damaged and the files that it costs. Nobody else can work on the repository\n"
     "meanwhile.\n",
     verb_check},
    {"unlock", "[OPTION...]", "remove locks that nobody holds any more from a repository",
     "  --remove-all         all locks, of whoever works there too: that may cost data, and is\n"
     "                       for when it is known that nobody does\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "Stale are locks of this machine's processes that no longer run, and those that were not\n"
     "renewed for half an hour.\n",
     verb_unlock},
    {"prune", "[OPTION...]", "remove from a repository what no snapshot needs",
     "  --dry-run            only tell what would go\n"
     "  --two-phases         let backups go on: mark what could go, and remove what was marked a\n"
     "                       day ago and is not needed\n"
     "  --no-grace           what is marked may go at once\n"
     "  --max-unused S       how much that is not needed may stay: 5% (default), 1GB, unlimited\n"
     "  --max-repack-size S  copy out of so much at most, such as 10GB\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n",
     verb_prune},
    {"copy", "[SNAPSHOT...] --to S [OPTION...]", "copy snapshots into another repository",
     "  --to S               the storage where the other repository lies\n"
     "  --to-key REF         its pass phrase, if it is another\n"
     "  --archives           all archives and mirrors, as snapshots; one can also be named\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "Without SNAPSHOT all; what is there already is not copied again. Make the other one with\n"
     "'repo init --chunks-of', or later backups there will not share what was copied.\n",
     verb_copy},
    {"repair", "index | packs [PACK...] | snapshots [OPTION...]",
     "repair a repository that a check found damaged",
     "  index                make an index that tells of the packs that are there\n"
     "    --read-all-packs   from each pack, whatever index files say\n"
     "  packs                save what can be opened of these packs, and remove them; without\n"
     "                       PACK of those that turn out to be damaged when all is read\n"
     "  snapshots            make new ones without what is lost beside those that lost something\n"
     "    --forget           and remove these\n"
     "\n"
     "Of all, best in this order:\n"
     "  --dry-run            only tell what would be done\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            the pass phrase of the repository: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked; default: all that are known\n"
     "\n"
     "Nobody else can work on the repository meanwhile. 'rebuild' takes in the new snapshots.\n",
     verb_repair},
    {"repo", "init [OPTION...] | keys list|add|remove|passwd|renew [OPTION...]",
     "make a repository, change who can open it",
     "  init                 make one; the first backup does that too\n"
     "    --encrypt E        none (default): the empty pass phrase; aes256; rsa\n"
     "    --key REF          aes256: its pass phrase; default: ENCRYPTION_KEY\n"
     "    --recipient FILE   rsa: the public key of one who may read it; may be given again\n"
     "    --repository-version N   1 or 2; default: 2\n"
     "    --chunks-of S      cut files as the repository on this storage, for copies of it\n"
     "    --chunks-key REF   its pass phrase, if it is not known\n"
     "  keys list            what opens it; * is the pass phrase that did\n"
     "  keys add --new-key REF     one more\n"
     "  keys add --recipient FILE  rsa: one more who may read it\n"
     "  keys remove ID       one less; not the one in use; rsa: a recipient\n"
     "  keys passwd --new-key REF  another in the place of the one in use\n"
     "  keys renew           rsa: another pass phrase for the same recipients\n"
     "\n"
     "Of all:\n"
     "  --storage S          where the repository lies; default: local\n"
     "  --key REF            of keys: the pass phrase that opens it; default: all that are known\n"
     "\n"
     "REF is env:NAME, file:PATH, keyring:NAME, or - to be asked. The format is that of restic,\n"
     "which opens the repository with the same pass phrase.\n",
     verb_repo},
    {"key", "generate | add | remove | change | list | rotate | trust | forget ARGUMENT...",
     "make keys, keep them, change those of backups",
     "  generate raw FILE    a new key for aes256 in a new file\n"
     "  generate rsa FILE    a new RSA key in FILE, and its public half in FILE.pub\n"
     "    --bits N           3072 to 8192; default: 4096\n"
     "    --public FILE      another file for the public half\n"
     "    --key-passphrase REF   encrypt FILE with a pass phrase\n"
     "  add NAME --key REF   put a key into the keyring, which ENCRYPTION_KEY seals\n"
     "    --key-passphrase REF   of an encrypted PEM key; it is kept with it\n"
     "  remove NAME          take a key out of the keyring\n"
     "  add --backup ID | --name N --key REF\n"
     "                       let one more key open a backup, or all of a name\n"
     "    --label TEXT       what to call it\n"
     "    --unlock REF       a key that opens them now, if none is known anyway\n"
     "  remove --backup ID | --name N --old REF | --slot N\n"
     "                       let a key open them no more; the last one stays\n"
     "  change --backup ID | --name N --old REF | --slot N --key REF\n"
     "                       put one key in the place of another\n"
     "  list                 the keyring, the signing key, and the signers that are known\n"
     "  list ID              the keys that open a backup\n"
     "  rotate --key REF     seal the keyring under a new master key\n"
     "  trust HEX NAME       know a signer, such as another machine's signing key\n"
     "  forget HEX           know a signer no more\n"
     "\n"
     "REF is env:NAME, file:PATH, keyring:NAME, or - to be asked.\n",
     verb_key},
    {"storage",
     "add NAME DRIVER KEY=VALUE... | list | show NAME | check NAME | limit NAME KEY=VALUE... |"
     " remove NAME",
     "say where else backups can go",
     "  add NAME DRIVER KEY=VALUE...   try it, and keep it under this name; DRIVER is local,\n"
     "                       azure_blob, google_cloud, s3, or another that --version names\n"
     "    read_only=true     nothing is stored there, nor removed\n"
     "    append_only=true   what is stored there is neither removed nor replaced\n"
     "    limit_upload=R, limit_download=R, limit_requests=N   as of limit\n"
     "    cache_size=SIZE    keep what is read again and again here, such as 256MiB\n"
     "  list                 all storages\n"
     "  show NAME            its settings\n"
     "  check NAME           try what it can do, and how long it takes\n"
     "  limit NAME limit_upload=R limit_download=R limit_requests=N\n"
     "                       change them; those that are not named stay. R is bytes per second,\n"
     "                       such as 512k or 10M, or off, or a timetable of them:\n"
     "                       '08:00,512k 19:00,10M 23:00,off', also with days: 'Mon-08:00,1M'\n"
     "  remove NAME          forget it; what lies on it stays there\n"
     "    --force            also when backups lie on it: they cannot be read until a storage\n"
     "                       of that name is there again\n"
     "\n"
     "Secrets are kept as references: env:NAME, file:/PATH or keyring:NAME.\n",
     verb_storage},
    {"schedule",
     "add NAME CRON SOURCE... [OPTION...] | list | show NAME | update NAME [OPTION...] |"
     " remove NAME | run NAME | preview CRON",
     "back up at the times that a cron expression names",
     "  add NAME CRON SOURCE...   sources and options are those of 'backup'; with --command,\n"
     "                       ARGV follows --\n"
     "  list                 --active, --inactive; --limit N, --offset N\n"
     "  show NAME            and what came of its last times; --runs N: so many, default: 10\n"
     "  update NAME          --cron CRON, --rename NAME, --active, and options of add; sources\n"
     "                       and options of 'backup' make a new request in place of the old\n"
     "  remove NAME          a job that it has started goes on\n"
     "  run NAME             do it now; its times stay as they are\n"
     "  preview CRON         the next times; --timezone Z; --count N, default: 5\n"
     "\n"
     "Of add and update:\n"
     "  --timezone Z         such as Europe/Berlin; default: UTC\n"
     "  --missed M           run_once (default), skip, all: what becomes of times at which\n"
     "                       nothing ran them\n"
     "  --inactive           it is not run until 'update NAME --active'\n"
     "  --backup-name N      the backups' name; default: that of the schedule\n"
     "  --verify ID          verify this backup instead of taking one, such as latest:NAME;\n"
     "                       stalest:NAME: each of that name in turn; stalest: of all names\n"
     "  --drill ID           a restore drill of this backup; --sample as of 'drill'\n"
     "\n"
     "Schedules are run by 'backupsvc run'.\n",
     verb_schedule},
    {"run", "", "run schedules, until SIGINT or SIGTERM",
     "Stays in the foreground and tells on standard error what it does. While it runs, no other\n"
     "verb can use the same state directory.\n",
     verb_run_schedules},
    {"audit", "show [OPTION...] | verify [OPTION...]", "tell who did what, and check that record",
     "  show                 list records, the newest first\n"
     "  verify               check every record; the first that is not right is named\n"
     "\n"
     "Of show:\n"
     "  --action A           only these, such as backup.remove; backup. is all that begin so\n"
     "  --object ID          only what was done to this backup, schedule or key, by its id\n"
     "  --name N             only of this name\n"
     "  --user U             only of this user's processes; --actor A: only on behalf of A\n"
     "  --result R           begun, done, warnings, failed, cancelled\n"
     "  --since T            not before this time, such as 2026-11-23T06:10:00Z\n"
     "  --until T            before this time\n"
     "  --limit N            at most so many, 1 to 1000; default: 50\n"
     "  --before N           only records with a smaller number\n"
     "\n"
     "Of verify:\n"
     "  --signer HEX         a signing key of earlier times that may have signed, too; may be\n"
     "                       given again\n",
     verb_audit},
    {"stats", "[--history DAYS]", "sum up all backups",
     "  --history DAYS       instead, how backups went on each of the last days, in UTC\n",
     verb_stats},
    {"metrics", "[--textfile FILE]", "print metrics as text for Prometheus",
     "  --textfile FILE      write them there, all at once, for node_exporter\n", verb_metrics},
    {"rebuild", "[OPTION...]", "make the catalogue anew from what lies on the storage",
     "  --key REF            the key of an encrypted backup: env:NAME, file:PATH,\n"
     "                       keyring:NAME, or - to be asked\n"
     "  --key-passphrase REF the pass phrase of an encrypted PEM key, likewise\n"
     "\n"
     "Also mends a catalogue that is damaged: it is set aside, and nothing is lost.\n",
     verb_rebuild},
    {"help", "[VERB]", "show this, or more about a verb", "", verb_help},
    {NULL, NULL, NULL, NULL, NULL},
};

const tool_verb *verb_find(const char *name)
{
    for (const tool_verb *one = verbs; one->name; one++) {
        if (strcmp(one->name, name) == 0) {
            return one;
        }
    }
    return NULL;
}

static const char global_text[] =
    "  --state DIR          where backups are kept; default: BACKUP_STORAGE_PATH, ./backups\n"
    "  --env FILE           settings from a .env file; the environment wins over it\n"
    "  --json               one JSON document on standard output, also for errors\n"
    "  -q, --quiet          no progress, no warnings\n"
    "  -v, --verbose        the library's log as well, and all warnings\n"
    "  -h, --help           this text, or that of the verb\n";

void help_overview(FILE *to)
{
    (void)fputs("usage: backupsvc [OPTION...] VERB [ARGUMENT...]\n\n", to);
    for (const tool_verb *one = verbs; one->name; one++) {
        (void)fprintf(to, "  %-11s%s\n", one->name, one->summary);
    }
    (void)fprintf(to,
                  "\n%s  -V, --version        the version, and what this build can do\n\n"
                  "ID is a backup's id, an unambiguous beginning of it, latest:NAME, or\n"
                  "stalest:NAME: the one whose last verification began longest ago.\n"
                  "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 completed with warnings.\n",
                  global_text);
}

bool help_verb(FILE *to, const char *name)
{
    const tool_verb *verb = verb_find(name);

    if (!verb) {
        return false;
    }
    (void)fprintf(to, "usage: backupsvc [OPTION...] %s %s\n\n", verb->name, verb->form);
    (void)fprintf(to, "%c%s.\n\n", verb->summary[0] - 'a' + 'A', verb->summary + 1);
    if (*verb->text) {
        (void)fprintf(to, "%s\n", verb->text);
    }
    (void)fprintf(to, "Options of every verb:\n%s", global_text);
    return true;
}

int verb_help(tool_run *tool, int argc, char **argv)
{
    int first = 0;
    int code = TOOL_DONE;

    first = options_read(tool, argc, argv, NULL, 0, 1, &code);
    if (first < 0) {
        return code;
    }
    if (first == argc) {
        help_overview(stdout);
    } else if (!help_verb(stdout, argv[first])) {
        return output_usage(tool, "there is no verb '%s'; 'backupsvc help' lists them",
                            argv[first]);
    }
    return TOOL_DONE;
}
