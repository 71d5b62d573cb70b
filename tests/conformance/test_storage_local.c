/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "conformance/storage_suite.h"
#include "support/tempdir.h"

static bs_status open_local(void **place, bsi_storage **out)
{
    bsi_setting setting = {.key = "path"};

    if (test_dir_setup(place) != 0) {
        return BS_E_IO;
    }
    setting.value = ((test_dir *)*place)->path;
    return bsi_storage_open("local", &setting, 1, NULL, out);
}

static void close_local(void *place)
{
    (void)test_dir_teardown(&place);
}

int main(void)
{
    static const storage_subject subject = {"local", open_local, close_local, false, false, 0};

    test_dir_in_memory();
    return storage_suite_run(&subject);
}
