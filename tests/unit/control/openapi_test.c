/* The document, the routing table and the table of problems say the same. */
#include <ctype.h>

#include "common/text/json.h"
#include "control/problem.h"
#include "control/rest.h"
#include "tests/unit/unit.h"

extern const char openapi_text[];
extern const size_t openapi_length;

/* The value at a path of keys, "" when there is none. */
static struct span find(struct span json, const char *const *path)
{
    for (; *path; path++) {
        struct json_reader reader;
        struct span key, found = {.data = "", .length = 0};
        json_reader_init(&reader, json);
        json_enter_object(&reader);
        while (json_next_key(&reader, &key)) {
            bool is_it = span_is(key, *path);
            struct span value = json_take_raw(&reader);
            if (is_it)
                found = value;
        }
        assert_int_equal(json_finish(&reader), 0);
        json = found;
        if (json.length == 0)
            break;
    }
    return json;
}

static struct span document(void)
{
    return span_of(openapi_text, openapi_length);
}

/* What {"$ref": "#/components/…/…"} stands for; anything else as it is. */
static struct span resolve(struct span node)
{
    struct span reference = find(node, (const char *const[]){"$ref", NULL});
    char text[128];
    const char *path[4] = {NULL};

    if (reference.length == 0)
        return node;
    snprintf(text, sizeof text, "%.*s", (int)reference.length - 2, reference.data + 1);
    assert_non_null(strtok(text, "/"));
    for (size_t i = 0; i < 3; i++)
        path[i] = strtok(NULL, "/");
    return find(document(), path);
}

static const char *lower(const char *method)
{
    static char text[16];
    size_t i = 0;
    for (; method[i]; i++)
        text[i] = (char)tolower((unsigned char)method[i]);
    text[i] = '\0';
    return text;
}

static void the_document_is_json(void **state)
{
    (void)state;
    assert_true(json_is_valid(document()));
    assert_true(span_is(find(document(), (const char *[]){"openapi", NULL}), "\"3.1.0\""));
    assert_true(span_is(find(document(), (const char *[]){"info", "version", NULL}),
                        "\"" SLIP_VERSION "\""));
}

static void every_route_is_in_the_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < rest_route_count; i++) {
        const struct rest_route *route = &rest_routes[i];
        const char *path[] = {"paths", route->path, lower(route->method), NULL};
        struct span operation = find(document(), path);
        if (operation.length == 0)
            fail_msg("%s %s is not in openapi.json", route->method, route->path);
        const char *const security[] = {"security", NULL};
        assert_int_equal(route->is_public, span_is(find(operation, security), "[]"));
    }
}

static bool is_routed(struct span method, struct span path)
{
    if (span_is(path, "/"))
        return span_is(method, "post"); /* the contract's end point */
    for (size_t i = 0; i < rest_route_count; i++)
        if (span_is(path, rest_routes[i].path) && span_is(method, lower(rest_routes[i].method)))
            return true;
    return false;
}

/* The parameters of the query of an operation, as a route lists them. */
static void list_query_parameters(struct span operation, struct buffer *ret_names)
{
    struct json_reader reader;
    struct span parameters = find(operation, (const char *const[]){"parameters", NULL});

    if (parameters.length == 0)
        return;
    json_reader_init(&reader, parameters);
    json_enter_array(&reader);
    while (json_next_element(&reader)) {
        struct span parameter = resolve(json_take_raw(&reader));
        struct span name = find(parameter, (const char *const[]){"name", NULL});
        if (!span_is(find(parameter, (const char *const[]){"in", NULL}), "\"query\""))
            continue;
        buffer_append_text(ret_names, ret_names->length > 0 ? ", " : "");
        buffer_append_span(ret_names, span_of(name.data + 1, name.length - 2));
    }
    assert_int_equal(json_finish(&reader), 0);
}

static void every_parameter_of_a_query_is_in_the_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < rest_route_count; i++) {
        const struct rest_route *route = &rest_routes[i];
        const char *path[] = {"paths", route->path, lower(route->method), NULL};
        struct buffer names = {0};
        list_query_parameters(find(document(), path), &names);
        if (!span_is(buffer_span(&names), route->parameters ? route->parameters : ""))
            fail_msg("%s %s: the document has %.*s, the route %s", route->method, route->path,
                     SPAN_ARGS(buffer_span(&names)), route->parameters);
        buffer_fini(&names);
    }
}

static void every_operation_of_the_document_is_routed(void **state)
{
    struct json_reader paths, methods;
    struct span path, method;
    size_t operations = 0;
    (void)state;

    json_reader_init(&paths, find(document(), (const char *[]){"paths", NULL}));
    json_enter_object(&paths);
    while (json_next_key(&paths, &path)) {
        json_reader_init(&methods, json_take_raw(&paths));
        json_enter_object(&methods);
        while (json_next_key(&methods, &method)) {
            json_skip(&methods);
            if (span_is(method, "parameters"))
                continue;
            operations++;
            if (!is_routed(method, path))
                fail_msg("%.*s %.*s has no route", SPAN_ARGS(method), SPAN_ARGS(path));
        }
        assert_int_equal(json_finish(&methods), 0);
    }
    assert_int_equal(json_finish(&paths), 0);
    assert_int_equal(operations, rest_route_count + 1);
}

static void every_problem_is_in_the_document(void **state)
{
    const char *path[] = {"components", "schemas", "Problem", "properties", "type", "enum", NULL};
    struct json_reader reader;
    bool found[PROBLEM_COUNT] = {false};
    size_t others = 0;
    (void)state;

    json_reader_init(&reader, find(document(), path));
    json_enter_array(&reader);
    while (json_next_element(&reader)) {
        struct json_value value = json_take_string(&reader);
        bool is_ours = false;
        for (size_t i = 0; i < PROBLEM_COUNT; i++)
            if (span_is(json_string_inside(&value), problem_type((enum problem)i)))
                is_ours = found[i] = true;
        others += !is_ours;
    }
    assert_int_equal(json_finish(&reader), 0);
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        assert_true(found[i]);
    assert_int_equal(others, 2); /* the HTTP server's own */
}

static void a_problem_is_written_as_the_rfc_wants_it(void **state)
{
    struct buffer buffer = {0};
    (void)state;
    problem_append(PROBLEM_INVALID_BODY, span_text("a \"quote\" \xff"), &buffer);
    assert_true(span_is(buffer_span(&buffer),
                        "{\"type\":\"/problems/invalid-body\","
                        "\"title\":\"The body is not what it should be\",\"status\":400,"
                        "\"detail\":\"a \\\"quote\\\" \xc3\xbf\"}"));
    buffer_clear(&buffer);
    problem_append(PROBLEM_NOT_READY, span_of(NULL, 0), &buffer);
    buffer_append_byte(&buffer, '\0');
    assert_null(strstr(buffer.data, "detail"));
    buffer_fini(&buffer);
    assert_string_equal(problem_retry_after(PROBLEM_NOT_READY), "1");
    assert_null(problem_retry_after(PROBLEM_NOT_FOUND));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_is_json),
        cmocka_unit_test(every_route_is_in_the_document),
        cmocka_unit_test(every_parameter_of_a_query_is_in_the_document),
        cmocka_unit_test(every_operation_of_the_document_is_routed),
        cmocka_unit_test(every_problem_is_in_the_document),
        cmocka_unit_test(a_problem_is_written_as_the_rfc_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
