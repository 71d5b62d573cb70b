/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_SYS_STORAGE_DRIVER_H
#define BACKUPSVC_SYS_STORAGE_DRIVER_H

#include <backupsvc/base.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/sys/storage_driver.h
 * @brief What a storage driver is made of, for authors of drivers.
 *
 * A storage keeps objects: bytes under a key, like files in directories. A
 * driver is a static table of functions; the library allocates its state,
 * checks every argument before it calls, and puts retries, limits and logging
 * around it. Error texts are set with backupsvc/sys/error.h.
 *
 * Keys are relative paths: components of 1 to 255 bytes apart by single '/',
 * none of them "." or "..", at most BS_STORAGE_KEY_MAX bytes. Any other byte
 * but NUL may appear; they need not be UTF-8. Final components that begin with
 * ".bst-" belong to drivers, for objects that are not complete yet: the library
 * neither stores nor lists such keys.
 */

/** Bytes of the longest key, without its NUL. */
#define BS_STORAGE_KEY_MAX 4096

/** How many objects are removed by one call at most. */
#define BS_STORAGE_REMOVE_MAX 1000

/** How many bytes of an upload's beginning may be changed before it is committed. */
#define BS_STORAGE_PATCH_MAX (128 * 1024)

/** What comes with a call besides its arguments: cancellation and a deadline. */
typedef struct bs_call bs_call;

/**
 * Whether the caller has given up.
 *
 * Polled by drivers between blocks. Once it is true, return BS_E_CANCELLED
 * soon; the library sets the record.
 *
 * @param call  As the driver got it; NULL is never cancelled.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API bool bs_call_cancelled(const bs_call *call);

/** What a storage guarantees or can do, as bits. What is missing is never imitated in silence. */
enum {
    BS_STORAGE_CAP_RANGE_READ = 1u << 0,      /**< Reading a range costs no more than the range. */
    BS_STORAGE_CAP_CONDITIONAL_PUT = 1u << 1, /**< BS_STORAGE_PUT_EXCLUSIVE is atomic. */
    BS_STORAGE_CAP_SERVER_COPY = 1u << 2,     /**< A rename moves no bytes through us. */
    BS_STORAGE_CAP_RENAME = 1u << 3,          /**< rename() exists and is atomic. */
    BS_STORAGE_CAP_MTIME = 1u << 4,           /**< Keeps `mtime_ns` of a put, to the second. */
    BS_STORAGE_CAP_FREE_SPACE = 1u << 5,      /**< free_space() gives a true answer. */
    BS_STORAGE_CAP_PATCH = 1u << 6,           /**< put_patch() exists. */
    BS_STORAGE_CAP_STRONG_LIST = 1u << 7,     /**< A list shows at once what was put or removed. */
    BS_STORAGE_CAP_OBJECT_LOCK = 1u << 8,     /**< Objects can be held against removal. */
    BS_STORAGE_CAP_MULTIPART = 1u << 9,       /**< Puts of any size in bounded memory. */
    BS_STORAGE_CAP_ANY_BYTES = 1u << 10,      /**< Keys need not be UTF-8. */
    BS_STORAGE_CAP_CASE = 1u << 11,           /**< Keys that differ in case are different. */
    BS_STORAGE_CAP_NETWORK = 1u << 12,        /**< Bytes go over a network, and count as such. */
    BS_STORAGE_CAP_RESUME = 1u << 13,         /**< Uploads go on where they failed: put_write(). */
    BS_STORAGE_CAP_APPEND_ONLY = 1u << 14,    /**< Refuses to remove and to replace objects. */
    BS_STORAGE_CAP_READ_ONLY = 1u << 15,      /**< Refuses to put objects, too. */
    BS_STORAGE_CAP_CLEARTEXT = 1u << 16,      /**< Whoever is on the way can read objects, and what
                                                   is sent of credentials. Told in the log. */
};

/** A time that is not known. */
#define BS_STORAGE_NO_TIME INT64_MIN

/** A number of bytes that is not known. */
#define BS_STORAGE_NO_SIZE UINT64_MAX

/** What is known of an object without reading it. Never grows. */
typedef struct bs_storage_object {
    uint64_t size;    /**< Bytes. */
    int64_t mtime_ns; /**< Since 1970-01-01T00:00:00Z, or BS_STORAGE_NO_TIME. */
} bs_storage_object;

/** For bs_storage_put_options.flags. */
enum {
    BS_STORAGE_PUT_EXCLUSIVE = 1u << 0, /**< Never replace: put_commit() fails with BS_E_EXISTS. */
    BS_STORAGE_PUT_PATCHABLE = 1u << 1, /**< put_patch() will be called. */
};

/** How an object is put. Set by the library; never NULL in a driver. */
typedef struct bs_storage_put_options {
    size_t struct_size;     /**< Of the library; may be larger than the driver's own. */
    uint32_t flags;         /**< BS_STORAGE_PUT_... */
    uint64_t expected_size; /**< About how many bytes will come, or BS_STORAGE_NO_SIZE. */
    int64_t mtime_ns;       /**< To be kept with BS_STORAGE_CAP_MTIME, or BS_STORAGE_NO_TIME. */
} bs_storage_put_options;

/**
 * Takes one object of a listing.
 *
 * @param user    As it was given to list().
 * @param key     Borrowed for the call.
 * @param object  Borrowed for the call.
 * @return  BS_OK to go on. Anything else ends the listing, and list() returns it.
 *
 * Callbacks: on the thread that lists; may use the storage.
 */
typedef bs_status (*bs_storage_list_cb)(void *user, const char *key,
                                        const bs_storage_object *object);

/** Bytes of a token for the next page of a listing, with its NUL. */
#define BS_STORAGE_TOKEN_SIZE 4096

/** Where a listing in pages stands. Zeroed for the first page. Never grows. */
typedef struct bs_storage_cursor {
    char token[BS_STORAGE_TOKEN_SIZE]; /**< What the next page begins with; "": the first, or the
                                            last was told. */
    uint64_t notes[2];                 /**< For the driver alone. */
} bs_storage_cursor;

/** A driver's settings after they were checked against its option table. */
typedef struct bs_storage_settings bs_storage_settings;

/**
 * The value of a setting as text.
 *
 * @param settings  As open() got them.
 * @param key       A key of the driver's option table.
 * @return  Borrowed until open() returns; NULL when it was not given and has no default.
 *
 * Blocking: no.  Thread-safety: one thread at a time.  Since: 0.1
 */
BS_API const char *bs_storage_settings_text(const bs_storage_settings *settings, const char *key);

/**
 * The value of a setting of type BS_STORAGE_OPTION_NUMBER; 0 when there is none.
 *
 * @param settings  As open() got them.
 * @param key       A key of the driver's option table.
 *
 * Blocking: no.  Thread-safety: one thread at a time.  Since: 0.1
 */
BS_API uint64_t bs_storage_settings_number(const bs_storage_settings *settings, const char *key);

/**
 * The value of a setting of type BS_STORAGE_OPTION_FLAG; false when there is none.
 *
 * @param settings  As open() got them.
 * @param key       A key of the driver's option table.
 *
 * Blocking: no.  Thread-safety: one thread at a time.  Since: 0.1
 */
BS_API bool bs_storage_settings_flag(const bs_storage_settings *settings, const char *key);

/**
 * The methods of a storage driver.
 *
 * `self` is `self_size` zeroed bytes that the library allocates and frees.
 * Every method but open() and close() may run on several threads at once; one
 * upload is used by one thread at a time. A NULL method means "not supported";
 * the mandatory ones are open, close, caps, stat, read, list, remove,
 * put_begin, put_write, put_commit and put_abort.
 *
 * A driver maps the service's failures to bs_status and retry classes, and
 * never tries again by itself: that is done around it, once for all drivers.
 * Looking up, reading, removing, beginning an upload, setting times, sweeping
 * and asking for space are repeated as a whole. What has parts, uploads and
 * listings, goes on where it stopped if the driver says that it can: see
 * BS_STORAGE_CAP_RESUME at put_write(), and list_page().
 *
 * It does not log, caches no content, reads no environment variables but those
 * that its options name, and starts no threads but to send parts of an upload,
 * which end with it; no secret goes into any text.
 *
 * What was put is seen at once by stat(), read() and, with
 * BS_STORAGE_CAP_STRONG_LIST, by list().
 *
 * BS_E_NOT_FOUND, an empty list and the BS_OK of remove() without an object say that the
 * driver has looked and there is nothing: rows are dropped for it. Where it cannot look, as
 * below a directory that something else has taken the place of, it fails in another way.
 */
typedef struct bs_storage_ops {
    size_t struct_size; /**< sizeof(bs_storage_ops) where the driver was compiled. */
    size_t self_size;   /**< Bytes of the driver's state. */

    /* Connect and check that the storage can be used. On failure the driver has
     * undone its own work; close() is not called. */
    bs_status (*open)(void *self, const bs_call *call, const bs_storage_settings *settings);

    /* Release everything. Called once, when no other method is running and no
     * upload is left. Leaves the error record alone. */
    void (*close)(void *self);

    /* BS_STORAGE_CAP_... of this storage. Asked once, after open(). */
    uint32_t (*caps)(void *self);

    /* BS_E_NOT_FOUND without the object. `out` comes zeroed. */
    bs_status (*stat)(void *self, const bs_call *call, const char *key, bs_storage_object *out);

    /* Fill all of `buf`, which has at least one byte, from `offset` on:
     * BS_E_NOT_FOUND without the object, BS_E_RANGE when it ends earlier. */
    bs_status (*read)(void *self, const bs_call *call, const char *key, uint64_t offset, void *buf,
                      size_t size);

    /* Tell of every object below the directory `prefix` ("": all), however deep:
     * each at most once, in any order, with its whole key, on the calling thread.
     * Prefixes are whole components: "a" finds "a/b", not "ab" and not "a". One
     * that does not exist is an empty list. What comes or goes meanwhile may be
     * told of or not; everything else is. */
    bs_status (*list)(void *self, const bs_call *call, const char *prefix,
                      bs_storage_list_cb callback, void *user);

    /* The object is gone, durably, when it returns. BS_OK also when there was none. */
    bs_status (*remove)(void *self, const bs_call *call, const char *key);

    /* Begin an object. Nothing of it is seen under `key` before put_commit(). */
    bs_status (*put_begin)(void *self, const bs_call *call, const char *key,
                           const bs_storage_put_options *options, void **upload_out);

    /* Append to it. After a failure only put_abort() follows; but with
     * BS_STORAGE_CAP_RESUME, after one whose retry class is not BS_RETRY_NEVER, the same call
     * may come again, with the same bytes, and appends what is still missing of them. */
    bs_status (*put_write)(void *self, const bs_call *call, void *upload, const void *data,
                           size_t size);

    /* Optional. Overwrite bytes that were already written, all of them within
     * the first BS_STORAGE_PATCH_MAX; only in uploads begun with
     * BS_STORAGE_PUT_PATCHABLE. A service that takes parts keeps the first one back
     * until the end for such uploads. May come again as put_write() may. */
    bs_status (*put_patch)(void *self, const bs_call *call, void *upload, uint64_t offset,
                           const void *data, size_t size);

    /* Make the object durable and visible, all at once, instead of the one that
     * had its key. The upload is gone whatever comes back. A failure leaves the
     * old object, or the new one, whole. With BS_STORAGE_CAP_RESUME a failure leaves the
     * upload, too: put_abort() follows, or the same call once more, which finds out when it
     * was done before and only its answer was lost. */
    bs_status (*put_commit)(void *self, const bs_call *call, void *upload);

    /* Give the upload up and leave nothing behind. Leaves the error record alone. */
    void (*put_abort)(void *self, void *upload);

    /* Optional. Move an object to a new key, all at once, replacing what was there;
     * durable when it returns. BS_E_NOT_FOUND without the object. */
    bs_status (*rename)(void *self, const bs_call *call, const char *from, const char *to);

    /* Optional. Bytes that can still be stored. */
    bs_status (*free_space)(void *self, const bs_call *call, uint64_t *bytes_out);

    /* Optional. Change an object's time. */
    bs_status (*set_mtime)(void *self, const bs_call *call, const char *key, int64_t mtime_ns);

    /* Optional. Remove what uploads have left that were neither committed nor aborted
     * and were last written to before `before_ns`, and add up how many there were and
     * their bytes. */
    bs_status (*sweep)(void *self, const bs_call *call, int64_t before_ns, uint64_t *objects,
                       uint64_t *bytes);

    /* Optional. The page of a listing where `cursor` stands, as list() tells it, and the cursor
     * moved on behind it. A failure of the driver's own has told nothing and left the cursor
     * where it was, so that the page can be asked for again; the callback's ends the listing. */
    bs_status (*list_page)(void *self, const bs_call *call, const char *prefix,
                           bs_storage_cursor *cursor, bs_storage_list_cb callback, void *user);

    /* Optional. As remove() of each key, none of which comes twice; at most
     * BS_STORAGE_REMOVE_MAX of them, and at least one. After a failure some may be gone, and
     * the same call may come again. */
    bs_status (*remove_many)(void *self, const bs_call *call, const char *const *keys,
                             size_t count);
} bs_storage_ops;

/** What a setting's text must look like. */
typedef enum bs_storage_option_type {
    BS_STORAGE_OPTION_TEXT = 0,
    BS_STORAGE_OPTION_NUMBER = 1, /**< Decimal digits, below 2^64. */
    BS_STORAGE_OPTION_FLAG = 2,   /**< "true" or "false". */
    BS_STORAGE_OPTION_PATH = 3,   /**< Of a file or directory here; absolute where it is kept. */
} bs_storage_option_type;

/** One setting that a driver knows. */
typedef struct bs_storage_option {
    const char *key;             /**< Lower case, such as "region". */
    const char *fallback;        /**< What stands when it is not given; NULL: nothing. */
    const char *help;            /**< One sentence for the documentation. */
    bs_storage_option_type type; /**< Checked before open(). */
    bool required;               /**< Opening without it is BS_E_INVALID. */
    bool secret;                 /**< Never shown, logged or kept in the catalogue. */
} bs_storage_option;

/** A driver as the registry knows it. Static for the life of the process. */
typedef struct bs_storage_driver {
    size_t struct_size;               /**< sizeof(bs_storage_driver). */
    const char *scheme;               /**< Lower-case letters, digits and '_', such as "local". */
    const char *help;                 /**< One sentence for the documentation. */
    const bs_storage_ops *ops;        /**< Kept; must outlive the process. */
    const bs_storage_option *options; /**< Ends with a NULL key; NULL: no settings. */
} bs_storage_driver;

/**
 * Make a driver known to this process.
 *
 * Possible only before the first storage is opened; the list of drivers never
 * changes after that.
 *
 * @param driver  Kept; must outlive the process.
 *
 * @retval BS_OK
 * @retval BS_E_EXISTS  A driver of that scheme is already known.
 * @retval BS_E_BUSY    A storage was opened before.
 * @retval BS_E_LIMIT   More than 32 drivers.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_storage_driver_register(const bs_storage_driver *driver);

BS_END_DECLS

#endif
