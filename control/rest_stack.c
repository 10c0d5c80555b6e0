#include "control/control.h"
#include "control/queries.h"
#include "control/reads.h"

/* openapi.json, embedded by the build (embed_openapi.py). */
extern const char openapi_text[];
extern const size_t openapi_length;

void rest_openapi(struct rest_call *call)
{
    rest_answer_json(call, 200, span_of(openapi_text, openapi_length));
}

void rest_list_edges(struct rest_call *call)
{
    struct page page;

    if (!read_page_parameters(call, &page))
        return;
    struct database_value values[] = {page_after(&page), page_rows(&page)};
    read_page(call, &page, &query_edge_list, values, ARRAY_LENGTH(values));
}

void rest_read_status(struct rest_call *call)
{
    status_ask(&call->rest->control->status, call);
}

void rest_list_processes(struct rest_call *call)
{
    figures_ask(&call->rest->control->figures, call);
}
