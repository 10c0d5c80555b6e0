#include "tests/unit/unit.h"

#include <stdlib.h>

#include "common/process/mask.h"

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *text, *masked;
    } rows[] = {
        {"", ""},
        {"just text", "just text"},
        {"postgresql://user:secret@host/db", "postgresql://user:***@host/db"},
        {"postgresql://user@host/db", "postgresql://user@host/db"},
        {"postgresql://user:@host/db", "postgresql://user:***@host/db"},
        {"postgresql://u:a:b@c@host:5432/db", "postgresql://u:***@host:5432/db"},
        {"postgresql://u:a/b@host/db", "postgresql://u:***@host/db"},
        {"postgresql://u:a?b@host/db", "postgresql://u:***@host/db"},
        {"postgresql:///db?host=/run&password=secret&x=1",
         "postgresql:///db?host=/run&password=***&x=1"},
        {"postgresql://u:p@h/db?sslpassword=s&sslmode=require",
         "postgresql://u:***@h/db?sslpassword=***&sslmode=require"},
        {"http://host:8080/users/@me?mail=a@b", "http://host:8080/users/@me?mail=a@b"},
        {"http://host?", "http://host?"},
        {"http://host?&&password", "http://host?&&password"},
        {"host=h password=secret user=u", "host=h password=*** user=u"},
        {"host=h password = secret", "host=h password = ***"},
        {"password='it\\'s a secret' user=u", "password=*** user=u"},
        {"password='a b", "password=***"},
        {"password=a\\ b user=u", "password=*** user=u"},
        {"PASSWORD=x", "PASSWORD=***"},
        {"sslpassword=x", "sslpassword=***"},
        {"password=", "password=***"},
        {"passwordx=y mypassword=z", "passwordx=*** mypassword=***"},
        {"host='a password=b'", "host='a password=***"},
        {"  ", "  "},
        {"a=b\\", "a=b\\"},
        {"=", "="},
        /* a URL begins with its scheme, or is none */
        {"host=db password=ab://hunter2 user=x", "host=db password=*** user=x"},
        {"application_name=my://app password=hunter2 user=x",
         "application_name=my://app password=*** user=x"},
        {" password=hunter2://", " password=***"},
        {"POSTGRES://u:hunter2@host/db", "POSTGRES://u:***@host/db"},
        {"postgres://u:hunter2@h1:1,h2:2/db", "postgres://u:***@h1:1,h2:2/db"},
        {"postgresql://u@[::1]:5432/db", "postgresql://u@[::1]:5432/db"},
        {"dbname='postgresql://u:hunter2@host/db'", "dbname='postgresql:***@host/db'"},
        /* passwords that should have been encoded */
        {"postgresql://u:12/hunter2@host/db", "postgresql://u:***@host/db"},
        {"postgresql://u:a/b?hunter2@host/db", "postgresql://u:***@host/db"},
        {"postgresql://u:a@b/hunter2@host/db", "postgresql://u:***@host/db"},
        {"postgresql://u:p@h1,u:hunter2@h2/db", "postgresql://u:***@h2/db"},
        {"postgresql://u%3Ahunter2@host/db", "postgresql://u%3A***@host/db"},
        {"postgresql://h/db?password=a&hunter2&x=1", "postgresql://h/db?password=***&x=1"},
        {"postgresql://h/db?password=a?b;c d#hunter2", "postgresql://h/db?password=***"},
        /* parameters */
        {"postgresql:///db?p%61ssword=hunter2", "postgresql:///db?p%61ssword=***"},
        {"postgresql:///db?x=1&PASS%57ORD=hunter2", "postgresql:///db?x=1&PASS%57ORD=***"},
        {"postgresql:///db?%00password=hunter2", "postgresql:///db?%00password=***"},
        {"postgresql://h/db?x=%4&y=%zz&password=x%", "postgresql://h/db?x=%4&y=%zz&password=***"},
        {"postgresql://u:p@h/db?application_name=a@b&password=hunter2",
         "postgresql://u:***@b&password=***"},
        {"postgresql://h:5432/db?password=x@hunter2", "postgresql://h:5432/db?password=***"},
        {"postgresql://u:p@h/db?password=x:y@hunter2", "postgresql://u:***@h/db?password=***"},
        {"postgresql://u:a?password=b@h/db?password=c@d", "postgresql://u:***@h/db?password=***"},
        {"postgresql://h/db?oauth_client_secret=x&scram_client_key=y",
         "postgresql://h/db?oauth_client_secret=***&scram_client_key=***"},
        {"postgresql://u@h/db password=hunter2", "postgresql://u@h/db password=***"},
        {"https://u:p@host/hook?token=a", "https://u:***@host/hook?token=a"},
        {"http://u:p@host?x=y@z&password=q", "http://u:***@z&password=***"},
        {"http://u:p@host?password=x:y@z", "http://u:***@host?password=***"},
        /* keywords */
        {"host='a'password=hunter2", "host='a'password=***"},
        {"host=a\vpassword=hunter2", "host=a\vpassword=***"},
        {"host=a'b password=hunter2", "host=a'b password=***"},
        {"password='a''hunter2' user=u", "password=***"},
        {"password='a''hunter2'=x", "password=***"},
        {"password=\n'hunter2\\'' user=u", "password=\n*** user=u"},
        {"host=a,b port=1,2 password=hunter2", "host=a,b port=1,2 password=***"},
        {"PGPASSWORD=hunter2", "PGPASSWORD=***"},
        {"DATABASE_URL=postgresql://u:hunter2@h/db", "DATABASE_URL=postgresql:***@h/db"},
        /* URLs in values */
        {"dbname='postgresql://u@h/db?password=hunter2' user=u",
         "dbname='postgresql:***@h/db?password=*** user=u"},
        {"dbname=postgresql://h/db?sslmode=x&p%61ssword=hunter2",
         "dbname=postgresql://h/db?sslmode=x&p%61ssword=***"},
        {"dbname='postgresql://h/db?password=x@hunter2'", "dbname='postgresql:***"},
        {"dbname='h?password=hunter2 u:x@h'", "dbname='h?password=***"},
        {"dbname='u:x?a@password=hunter2'", "dbname='u:***@password=***"},
        /* mistakes */
        {"\"postgresql://user:hunter2@host/db?sslmode=require\"",
         "\"postgresql:***@host/db?sslmode=require\""},
        {" postgresql://user:hunter2@host/db?sslmode=require",
         " postgresql:***@host/db?sslmode=require"},
        {"\"postgresql://h/db?sslmode=x&password=hunter2\"",
         "\"postgresql://h/db?sslmode=x&password=***"},
        {"postgresql:/u:hunter2@h/db?a=b", "postgresql:***@h/db?a=b"},
        {"jdbc:postgresql://h/db?user=u&password=hunter2",
         "jdbc:postgresql://h/db?user=u&password=***"},
        {"host=h oauth_client_secret=hunter2 sslmode", "host=h oauth_client_secret=***"},
        {"host=h scram_client_key=hunter2 sslmode", "host=h scram_***"},
        {"secret=a password=b sslmode", "secret=***"},
        {"password=hunter2 host:5432 x@y", "password=***"},
        {"host='db password=hunter2 user=x", "host='db password=***"},
        {"host db password hunter2", "host db password ***"},
        {"user=u password:hunter2", "user=u password***"},
        {"u:hunter2@host/db", "u:***@host/db"},
        {"u:my password@host/db", "u:***"},
        {"postgresql:/u:hunter2@host/db", "postgresql:***@host/db"},
        {"the password", "the password"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *masked = mask_passwords(rows[i].text);
        assert_string_equal(masked, rows[i].masked);
        free(masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mask)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
