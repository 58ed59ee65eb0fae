-- One database and one role for each service, and `identity`, which oversight writes and the others read.
-- Run by the postgres image at its first start. psql reads the passwords from the secrets: none is written
-- here, in an environment variable or on a command line.

\set intake `cat /run/secrets/intake_password`
\set routing `cat /run/secrets/routing_password`
\set oversight `cat /run/secrets/oversight_password`

CREATE ROLE intake LOGIN PASSWORD :'intake';
CREATE ROLE routing LOGIN PASSWORD :'routing';
CREATE ROLE oversight LOGIN PASSWORD :'oversight';

-- As whom each service's API connects: it owns nothing, and row security holds for it (`shared.database.door`).
SELECT encode(sha256(convert_to('minqing door ' || :'intake', 'UTF8')), 'hex') AS intake_door,
       encode(sha256(convert_to('minqing door ' || :'routing', 'UTF8')), 'hex') AS routing_door,
       encode(sha256(convert_to('minqing door ' || :'oversight', 'UTF8')), 'hex') AS oversight_door
\gset
CREATE ROLE intake_door LOGIN PASSWORD :'intake_door';
CREATE ROLE routing_door LOGIN PASSWORD :'routing_door';
CREATE ROLE oversight_door LOGIN PASSWORD :'oversight_door';
GRANT intake_door TO intake;
GRANT routing_door TO routing;
GRANT oversight_door TO oversight;

CREATE DATABASE intake OWNER intake;
CREATE DATABASE routing OWNER routing;
CREATE DATABASE oversight OWNER oversight;
CREATE DATABASE identity OWNER oversight;

REVOKE ALL ON DATABASE postgres, template1, intake, routing, oversight, identity FROM PUBLIC;
GRANT CONNECT ON DATABASE intake TO intake_door;
GRANT CONNECT ON DATABASE routing TO routing_door;
GRANT CONNECT ON DATABASE oversight TO oversight_door;
GRANT CONNECT ON DATABASE identity TO intake, routing;

\connect identity
ALTER DEFAULT PRIVILEGES FOR ROLE oversight IN SCHEMA public GRANT SELECT ON TABLES TO intake, routing;
