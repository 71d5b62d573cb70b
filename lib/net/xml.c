/* SPDX-License-Identifier: MIT */
/*
 * Strict XML over expat.
 */
#include <expat.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "net/xml.h"

enum { STEP = 1024 * 1024 /* What expat is given at once; it counts in int. */ };

struct bsi_xml {
    XML_Parser parser;
    bsi_xml_cb callback;
    void *user;
    bsi_buf path; /* Names of the open elements, with '/' between. */
    bsi_buf text; /* Since the last tag. */
    size_t depth;
    bool leaf;        /* The last tag was a start. */
    bs_status status; /* What ended the reading. */
};

static void *resize(void *old, size_t size)
{
    return bsi_realloc_array(old, size, 1);
}

/* The first failure stays; expat calls handlers for a while after it. */
static void stop(bsi_xml *xml, bs_status status)
{
    if (xml->status == BS_OK && status != BS_OK) {
        xml->status = status;
        (void)XML_StopParser(xml->parser, XML_FALSE);
    }
}

static bs_status corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the server's XML has %s", what);
}

static bool is_blank(const bsi_buf *text)
{
    for (size_t i = 0; i < text->size; i++) {
        if (!strchr(" \t\r\n", text->data[i]) || text->data[i] == '\0') {
            return false;
        }
    }
    return true;
}

static const char *local_name(const char *name)
{
    const char *colon = strchr(name, ':');

    return colon ? colon + 1 : name;
}

static bs_status push(bsi_xml *xml, const char *name)
{
    const char *local = local_name(name);

    if (*local == '\0') {
        return corrupt("an element without a name");
    }
    if (!is_blank(&xml->text)) {
        return corrupt("text beside elements");
    }
    if (xml->depth == BSI_XML_DEPTH_MAX || strlen(local) > BSI_XML_NAME_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the server's XML has more than %d levels, or a name of more than %d bytes",
                        BSI_XML_DEPTH_MAX, BSI_XML_NAME_MAX);
    }
    BSI_TRY(xml->depth > 0 ? bsi_buf_append_byte(&xml->path, '/') : BS_OK);
    BSI_TRY(bsi_buf_append_text(&xml->path, local));
    bsi_buf_clear(&xml->text);
    xml->depth++;
    xml->leaf = true;
    return BS_OK;
}

static bs_status tell_attribute(bsi_xml *xml, const char *name, const char *value)
{
    const char *local = local_name(name);
    const size_t before = xml->path.size;
    bs_status status = BS_OK;

    if (*local == '\0') {
        return corrupt("an attribute without a name");
    }
    if (strlen(local) > BSI_XML_NAME_MAX || strlen(value) > BSI_XML_TEXT_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the server's XML has an attribute of more than %d bytes, or its name has "
                        "more than %d",
                        BSI_XML_TEXT_MAX, BSI_XML_NAME_MAX);
    }
    BSI_TRY(bsi_buf_append_text(&xml->path, "/@"));
    BSI_TRY(bsi_buf_append_text(&xml->path, local));
    status = xml->callback(xml->user, bsi_buf_slice(&xml->path), bsi_slice_of(value));
    xml->path.size = before;
    return status;
}

static void XMLCALL start_element(void *user, const char *name, const char **attributes)
{
    bsi_xml *xml = user;

    if (xml->status == BS_OK) {
        stop(xml, push(xml, name));
    }
    for (; *attributes && xml->status == BS_OK; attributes += 2) {
        stop(xml, tell_attribute(xml, attributes[0], attributes[1]));
    }
}

static bs_status pop(bsi_xml *xml)
{
    bsi_slice path = {(const char *)xml->path.data, xml->path.size};
    bsi_slice text = {"", 0};

    if (xml->leaf && xml->text.size > 0) {
        text = (bsi_slice){(const char *)xml->text.data, xml->text.size};
    } else if (!is_blank(&xml->text)) {
        return corrupt("text beside elements");
    }
    BSI_TRY(xml->callback(xml->user, path, text));
    while (xml->path.size > 0 && xml->path.data[xml->path.size - 1] != '/') {
        xml->path.size--;
    }
    xml->path.size -= xml->path.size > 0 ? 1 : 0;
    bsi_buf_clear(&xml->text);
    xml->depth--;
    xml->leaf = false;
    return BS_OK;
}

static void XMLCALL end_element(void *user, const char *name)
{
    bsi_xml *xml = user;

    (void)name;
    if (xml->status == BS_OK) {
        stop(xml, pop(xml));
    }
}

static bs_status append_text(bsi_xml *xml, const char *text, size_t size)
{
    if (size > BSI_XML_TEXT_MAX - xml->text.size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the server's XML has a text of more than %d bytes", BSI_XML_TEXT_MAX);
    }
    return bsi_buf_append(&xml->text, text, size);
}

static void XMLCALL take_text(void *user, const char *text, int size)
{
    bsi_xml *xml = user;

    if (xml->status == BS_OK) {
        stop(xml, append_text(xml, text, (size_t)size));
    }
}

/* With it go entities of the document's own, and all that they can do. */
static void XMLCALL refuse_doctype(void *user, const char *name, const char *system_id,
                                   const char *public_id, int has_subset)
{
    bsi_xml *xml = user;

    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    if (xml->status == BS_OK) {
        stop(xml, corrupt("a document type"));
    }
}

bs_status bsi_xml_new(bsi_xml_cb callback, void *user, bsi_xml **out)
{
    static const XML_Memory_Handling_Suite memory = {bsi_alloc, resize, bsi_free};
    bsi_xml *xml = bsi_calloc(1, sizeof(*xml));

    if (!xml) {
        return BS_E_NOMEM;
    }
    xml->callback = callback;
    xml->user = user;
    /* The names, with what is before each, and one of an attribute behind them. */
    bsi_buf_init(&xml->path, (size_t)(BSI_XML_DEPTH_MAX + 1) * (BSI_XML_NAME_MAX + 2));
    bsi_buf_init(&xml->text, BSI_XML_TEXT_MAX);
    xml->parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (!xml->parser) {
        bsi_xml_free(xml);
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, start_element, end_element);
    XML_SetCharacterDataHandler(xml->parser, take_text);
    XML_SetStartDoctypeDeclHandler(xml->parser, refuse_doctype);
    *out = xml;
    return BS_OK;
}

void bsi_xml_free(bsi_xml *xml)
{
    if (!xml) {
        return;
    }
    if (xml->parser) {
        XML_ParserFree(xml->parser);
    }
    bsi_buf_dispose(&xml->path);
    bsi_buf_dispose(&xml->text);
    bsi_free(xml);
}

static bs_status parse(bsi_xml *xml, const char *data, size_t size, bool last)
{
    enum XML_Error error = XML_ERROR_NONE;

    BSI_CHECK(xml->status == BS_OK);
    if (XML_Parse(xml->parser, data, (int)size, last) != XML_STATUS_ERROR) {
        return BS_OK;
    }
    if (xml->status == BS_OK) {
        error = XML_GetErrorCode(xml->parser);
        xml->status = error == XML_ERROR_NO_MEMORY
                          ? bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory")
                          : corrupt(XML_ErrorString(error));
    }
    return xml->status;
}

bs_status bsi_xml_read(bsi_xml *xml, const void *data, size_t size)
{
    const char *bytes = data;

    while (size > 0) {
        const size_t step = bsi_min_size(size, STEP);

        BSI_TRY(parse(xml, bytes, step, false));
        bytes += step;
        size -= step;
    }
    return BS_OK;
}

bs_status bsi_xml_end(bsi_xml *xml)
{
    return parse(xml, NULL, 0, true);
}
