/* Connection strings without their passwords, for people and logs. */
#ifndef SLIP_PROCESS_MASK_H
#define SLIP_PROCESS_MASK_H

#include "common/base/base.h"

/* A copy, which the caller frees, of a URL (`scheme://user:password@host/…?password=…`) or of
 * libpq's keyword form (`host=… password='…'`) with each password replaced by ***. Text that is
 * neither comes back as it is. */
MUST_USE
char *mask_passwords(const char *text);

#endif
