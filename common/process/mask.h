/* Connection strings without their passwords, for people and logs. */
#ifndef SLIP_PROCESS_MASK_H
#define SLIP_PROCESS_MASK_H

#include "common/base/base.h"

/* A copy, which the caller frees, with each password replaced by ***: of a URL, which begins with
 * its scheme (`scheme://user:password@host/…?password=…`), or of libpq's keyword form
 * (`host=… password='…'`). What libpq would read as a password never comes back; of what is
 * neither, and of what may be a slip in writing one, rather too much is masked. Text without any
 * comes back as it is. */
MUST_USE
char *mask_passwords(const char *text);

#endif
