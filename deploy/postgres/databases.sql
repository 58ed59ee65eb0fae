-- One database and one role for each service, and `identity`, which oversight writes and the others read.
-- Run by the postgres image at its first start. psql reads the passwords from the secrets: none is written
-- here, in an environment variable or on a command line.

\set intake `cat /run/secrets/intake_password`
\set routing `cat /run/secrets/routing_password`
\set oversight `cat /run/secrets/oversight_password`

CREATE ROLE intake LOGIN PASSWORD :'intake';
CREATE ROLE routing LOGIN PASSWORD :'routing';
CREATE ROLE oversight LOGIN PASSWORD :'oversight';

-- What each service's API takes: it owns nothing, and row security holds for it.
CREATE ROLE intake_door NOLOGIN;
CREATE ROLE routing_door NOLOGIN;
CREATE ROLE oversight_door NOLOGIN;
GRANT intake_door TO intake;
GRANT routing_door TO routing;
GRANT oversight_door TO oversight;

CREATE DATABASE intake OWNER intake;
CREATE DATABASE routing OWNER routing;
CREATE DATABASE oversight OWNER oversight;
CREATE DATABASE identity OWNER oversight;

REVOKE ALL ON DATABASE postgres, template1, intake, routing, oversight, identity FROM PUBLIC;
GRANT CONNECT ON DATABASE identity TO intake, routing;

\connect identity
ALTER DEFAULT PRIVILEGES FOR ROLE oversight IN SCHEMA public GRANT SELECT ON TABLES TO intake, routing;
