CREATE FUNCTION public.non_essential_env_updated() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NEW."updatedAt" = OLD."updatedAt" THEN NEW."updatedAt" := now(); END IF;
  RETURN NEW;
END
$$
--
CREATE TABLE public.api_token (
    name text NOT NULL,
    role text NOT NULL,
    digest text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    last_used_at bigint,
    namespace text,
    lease text
)
--
CREATE TABLE public.desired_deployment (
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    uid text NOT NULL,
    resource_version bigint NOT NULL,
    generation bigint NOT NULL,
    labels jsonb NOT NULL,
    created_at text NOT NULL,
    object text NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    written_at bigint DEFAULT 0 NOT NULL
)
--
CREATE TABLE public.event (
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    uid text NOT NULL,
    resource_version bigint NOT NULL,
    generation bigint NOT NULL,
    labels jsonb NOT NULL,
    created_at text NOT NULL,
    object text NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    written_at bigint DEFAULT 0 NOT NULL
)
--
CREATE TABLE public.lease (
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    uid text NOT NULL,
    resource_version bigint NOT NULL,
    generation bigint NOT NULL,
    labels jsonb NOT NULL,
    created_at text NOT NULL,
    object text NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    written_at bigint DEFAULT 0 NOT NULL
)
--
CREATE TABLE public.namespace (
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    uid text NOT NULL,
    resource_version bigint NOT NULL,
    generation bigint NOT NULL,
    labels jsonb NOT NULL,
    created_at text NOT NULL,
    object text NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    written_at bigint DEFAULT 0 NOT NULL
)
--
CREATE TABLE public.non_essential_env (
    id text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    description text,
    category text,
    "createdAt" timestamp with time zone DEFAULT now() NOT NULL,
    "updatedAt" timestamp with time zone DEFAULT now() NOT NULL,
    "updatedBy" text
)
--
CREATE TABLE public.resource_change (
    revision bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    uid text NOT NULL,
    object text NOT NULL,
    previous_revision bigint,
    previous text,
    written_at bigint NOT NULL,
    version_offset bigint DEFAULT 0 NOT NULL,
    previous_version_offset bigint DEFAULT 0 NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    CONSTRAINT resource_change_type_check CHECK ((type = ANY (ARRAY['ADDED'::text, 'MODIFIED'::text, 'DELETED'::text])))
)
--
CREATE TABLE public.resource_compaction (
    id bigint NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT resource_compaction_id_check CHECK ((id = 1))
)
--
CREATE TABLE public.resource_epoch (
    first bigint NOT NULL,
    last_before bigint NOT NULL,
    started_at bigint NOT NULL
)
--
CREATE TABLE public.resource_kind_compaction (
    kind text NOT NULL,
    revision bigint NOT NULL
)
--
CREATE TABLE public.resource_revision (
    id bigint NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT resource_revision_id_check CHECK ((id = 1))
)
--
CREATE TABLE public.resource_schema (
    kind text NOT NULL,
    schema text NOT NULL
)
--
CREATE TABLE public.schema_migration (
    version bigint NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at text NOT NULL
)
--
INSERT INTO public.api_token VALUES ('agent', 'agent', '58a0d0b4b1e26cf0f0c710c027e0ae3376073e21fbef0cd7dc27777bf9229df5', 1795756491486767, NULL, NULL, 'wrktalk', 'wrktalk-agent')
--
INSERT INTO public.api_token VALUES ('admin', 'admin', 'df050c64e3d54df3e7b488c3067e4791b57dba9687e1761ff1b8cce51928b27d', 1795756491240557, NULL, 1795756495526146, NULL, NULL)
--
INSERT INTO public.desired_deployment VALUES ('wrktalk', 'first', '8bba9382-07fb-4dd1-be31-1c5485860e57', 80320417, 2, '{"tier": "production"}', '2026-11-27T05:14:55Z', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":2,"labels":{"tier":"production"},"name":"first","namespace":"wrktalk","resourceVersion":"","uid":"8bba9382-07fb-4dd1-be31-1c5485860e57"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"first","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.3.1"},"status":{"observedGeneration":2}}', 266, 781, 1795756495643685)
--
INSERT INTO public.desired_deployment VALUES ('wrktalk', 'second', '2a07c02d-e966-4bf9-ab01-ef67d2b8297b', 80320419, 2, '{"tier": "staging"}', '2026-11-27T05:14:55Z', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","deletionGracePeriodSeconds":0,"deletionTimestamp":"2026-11-27T05:14:55Z","finalizers":["example.com/keep"],"generation":2,"labels":{"tier":"staging"},"name":"second","namespace":"wrktalk","resourceVersion":"","uid":"2a07c02d-e966-4bf9-ab01-ef67d2b8297b"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"second","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.2.0"}}', 372, 854, 1795756495675464)
--
INSERT INTO public.event VALUES ('wrktalk', 'first.1', '63ddabc5-8079-4a60-96f1-32bfc5905141', 80320420, 0, '{}', '2026-11-27T05:14:55Z', '{"apiVersion":"v1","count":1,"firstTimestamp":"2026-11-27T00:00:00Z","involvedObject":{"kind":"DesiredDeployment","name":"first","namespace":"wrktalk","uid":"u-1"},"kind":"Event","lastTimestamp":"2026-11-27T00:00:00Z","message":"done","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"first.1","namespace":"wrktalk","resourceVersion":"","uid":"63ddabc5-8079-4a60-96f1-32bfc5905141"},"reason":"Deployed","type":"Normal"}', 348, 432, 1795756495691383)
--
INSERT INTO public.event VALUES ('wrktalk', 'second.1', '9d26a372-d23f-4f4b-ac42-26811d3c49e3', 80320421, 0, '{}', '2026-11-27T05:14:55Z', '{"apiVersion":"v1","count":1,"firstTimestamp":"2026-11-27T00:00:00Z","involvedObject":{"kind":"DesiredDeployment","name":"second","namespace":"wrktalk","uid":"u-2"},"kind":"Event","lastTimestamp":"2026-11-27T00:00:00Z","message":"no","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"second.1","namespace":"wrktalk","resourceVersion":"","uid":"9d26a372-d23f-4f4b-ac42-26811d3c49e3"},"reason":"Failed","type":"Warning"}', 348, 431, 1795756495709904)
--
INSERT INTO public.lease VALUES ('wrktalk', 'agent', '6d4b8e7f-451f-4cf0-bde6-cb1f81464020', 80320422, 0, '{}', '2026-11-27T05:14:55Z', '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"agent","namespace":"wrktalk","resourceVersion":"","uid":"6d4b8e7f-451f-4cf0-bde6-cb1f81464020"},"spec":{"holderIdentity":"one","leaseDurationSeconds":15}}', 165, 271, 1795756495729814)
--
INSERT INTO public.namespace VALUES ('', 'wrktalk', '94ecda1e-e6f6-4a9c-ae9f-b9483a57acd5', 80320412, 0, '{}', '2026-11-27T05:14:55Z', '{"apiVersion":"v1","kind":"Namespace","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"wrktalk","resourceVersion":"","uid":"94ecda1e-e6f6-4a9c-ae9f-b9483a57acd5"},"status":{"phase":"Active"}}', 129, 205, 1795756495530238)
--
INSERT INTO public.non_essential_env VALUES ('e1', 'FEATURE', 'on', NULL, NULL, '2026-11-27 05:14:18+00', '2026-11-27 05:14:18+00', NULL)
--
INSERT INTO public.resource_change VALUES (80320412, 'namespaces', '', 'wrktalk', 'ADDED', '94ecda1e-e6f6-4a9c-ae9f-b9483a57acd5', '{"apiVersion":"v1","kind":"Namespace","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"wrktalk","resourceVersion":"","uid":"94ecda1e-e6f6-4a9c-ae9f-b9483a57acd5"},"status":{"phase":"Active"}}', NULL, NULL, 1795756495530238, 129, 0, 205)
--
INSERT INTO public.resource_change VALUES (80320413, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'first', 'ADDED', '8bba9382-07fb-4dd1-be31-1c5485860e57', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":1,"labels":{"tier":"production"},"name":"first","namespace":"wrktalk","resourceVersion":"","uid":"8bba9382-07fb-4dd1-be31-1c5485860e57"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"first","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.3.0"}}', NULL, NULL, 1795756495558433, 266, 0, 747)
--
INSERT INTO public.resource_change VALUES (80320414, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'second', 'ADDED', '2a07c02d-e966-4bf9-ab01-ef67d2b8297b', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","finalizers":["example.com/keep"],"generation":1,"labels":{"tier":"staging"},"name":"second","namespace":"wrktalk","resourceVersion":"","uid":"2a07c02d-e966-4bf9-ab01-ef67d2b8297b"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"second","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.2.0"}}', NULL, NULL, 1795756495577763, 298, 0, 780)
--
INSERT INTO public.resource_change VALUES (80320415, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'third', 'ADDED', 'deafb3b3-f6d4-4513-806e-635b4a7adc46', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":1,"labels":{"tier":"production"},"name":"third","namespace":"wrktalk","resourceVersion":"","uid":"deafb3b3-f6d4-4513-806e-635b4a7adc46"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"third","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.1.0"}}', NULL, NULL, 1795756495599932, 266, 0, 747)
--
INSERT INTO public.resource_change VALUES (80320416, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'first', 'MODIFIED', '8bba9382-07fb-4dd1-be31-1c5485860e57', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":2,"labels":{"tier":"production"},"name":"first","namespace":"wrktalk","resourceVersion":"","uid":"8bba9382-07fb-4dd1-be31-1c5485860e57"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"first","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.3.1"}}', 80320413, '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":1,"labels":{"tier":"production"},"name":"first","namespace":"wrktalk","resourceVersion":"","uid":"8bba9382-07fb-4dd1-be31-1c5485860e57"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"first","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.3.0"}}', 1795756495625759, 266, 266, 1494)
--
INSERT INTO public.resource_change VALUES (80320417, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'first', 'MODIFIED', '8bba9382-07fb-4dd1-be31-1c5485860e57', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":2,"labels":{"tier":"production"},"name":"first","namespace":"wrktalk","resourceVersion":"","uid":"8bba9382-07fb-4dd1-be31-1c5485860e57"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"first","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.3.1"},"status":{"observedGeneration":2}}', 80320416, '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":2,"labels":{"tier":"production"},"name":"first","namespace":"wrktalk","resourceVersion":"","uid":"8bba9382-07fb-4dd1-be31-1c5485860e57"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"first","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.3.1"}}', 1795756495643685, 266, 266, 1528)
--
INSERT INTO public.resource_change VALUES (80320418, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'third', 'DELETED', 'deafb3b3-f6d4-4513-806e-635b4a7adc46', '', 80320415, '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","generation":1,"labels":{"tier":"production"},"name":"third","namespace":"wrktalk","resourceVersion":"","uid":"deafb3b3-f6d4-4513-806e-635b4a7adc46"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"third","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.1.0"}}', 1795756495659753, 0, 266, 747)
--
INSERT INTO public.resource_change VALUES (80320419, 'desireddeployments.deploy.wrktalk.com', 'wrktalk', 'second', 'MODIFIED', '2a07c02d-e966-4bf9-ab01-ef67d2b8297b', '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","deletionGracePeriodSeconds":0,"deletionTimestamp":"2026-11-27T05:14:55Z","finalizers":["example.com/keep"],"generation":2,"labels":{"tier":"staging"},"name":"second","namespace":"wrktalk","resourceVersion":"","uid":"2a07c02d-e966-4bf9-ab01-ef67d2b8297b"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"second","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.2.0"}}', 80320414, '{"apiVersion":"deploy.wrktalk.com/v1","kind":"DesiredDeployment","metadata":{"annotations":{"note":"kept \"quoted\" ü"},"creationTimestamp":"2026-11-27T05:14:55Z","finalizers":["example.com/keep"],"generation":1,"labels":{"tier":"staging"},"name":"second","namespace":"wrktalk","resourceVersion":"","uid":"2a07c02d-e966-4bf9-ab01-ef67d2b8297b"},"spec":{"artifact":{"path":"artifacts/compose/wrktalk-2.3.0.tgz","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},"compose":{"envPath":"config/.env","projectName":"second","timeout":"10m"},"deletionPolicy":"Orphan","drift":"Correct","failurePolicy":"RollBack","imageTags":{"agent":"v1","backend":"v1","controlTower":"v1","media":"v1"},"interval":"1m","runtime":"Compose","suspend":false,"version":"2.2.0"}}', 1795756495675464, 372, 298, 1634)
--
INSERT INTO public.resource_change VALUES (80320420, 'events', 'wrktalk', 'first.1', 'ADDED', '63ddabc5-8079-4a60-96f1-32bfc5905141', '{"apiVersion":"v1","count":1,"firstTimestamp":"2026-11-27T00:00:00Z","involvedObject":{"kind":"DesiredDeployment","name":"first","namespace":"wrktalk","uid":"u-1"},"kind":"Event","lastTimestamp":"2026-11-27T00:00:00Z","message":"done","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"first.1","namespace":"wrktalk","resourceVersion":"","uid":"63ddabc5-8079-4a60-96f1-32bfc5905141"},"reason":"Deployed","type":"Normal"}', NULL, NULL, 1795756495691383, 348, 0, 432)
--
INSERT INTO public.resource_change VALUES (80320421, 'events', 'wrktalk', 'second.1', 'ADDED', '9d26a372-d23f-4f4b-ac42-26811d3c49e3', '{"apiVersion":"v1","count":1,"firstTimestamp":"2026-11-27T00:00:00Z","involvedObject":{"kind":"DesiredDeployment","name":"second","namespace":"wrktalk","uid":"u-2"},"kind":"Event","lastTimestamp":"2026-11-27T00:00:00Z","message":"no","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"second.1","namespace":"wrktalk","resourceVersion":"","uid":"9d26a372-d23f-4f4b-ac42-26811d3c49e3"},"reason":"Failed","type":"Warning"}', NULL, NULL, 1795756495709904, 348, 0, 431)
--
INSERT INTO public.resource_change VALUES (80320422, 'leases.coordination.k8s.io', 'wrktalk', 'agent', 'ADDED', '6d4b8e7f-451f-4cf0-bde6-cb1f81464020', '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"creationTimestamp":"2026-11-27T05:14:55Z","name":"agent","namespace":"wrktalk","resourceVersion":"","uid":"6d4b8e7f-451f-4cf0-bde6-cb1f81464020"},"spec":{"holderIdentity":"one","leaseDurationSeconds":15}}', NULL, NULL, 1795756495729814, 165, 0, 271)
--
INSERT INTO public.resource_compaction VALUES (1, 1)
--
INSERT INTO public.resource_epoch VALUES (80320411, 1, 1795756491560794)
--
INSERT INTO public.resource_revision VALUES (1, 80320422)
--
INSERT INTO public.resource_schema VALUES ('desireddeployments.deploy.wrktalk.com', '{"description":"The release that one environment should be on, and what its Agent last saw of it. The Agent converges the environment to spec and reports in status.","properties":{"spec":{"description":"What should run.","properties":{"artifact":{"description":"The chart or bundle of the version. Left out only with rollbackTo.","properties":{"path":{"description":"Where the chart or bundle lies in the bucket, for example artifacts/compose/wrktalk-2.3.0.tgz.","maxLength":1024,"minLength":1,"pattern":"^([^./\\\\\\x00-\\x1F\\x7F]|\\.[^./\\\\\\x00-\\x1F\\x7F]|\\.\\.[^/\\\\\\x00-\\x1F\\x7F])[^/\\\\\\x00-\\x1F\\x7F]*(/([^./\\\\\\x00-\\x1F\\x7F]|\\.[^./\\\\\\x00-\\x1F\\x7F]|\\.\\.[^/\\\\\\x00-\\x1F\\x7F])[^/\\\\\\x00-\\x1F\\x7F]*)*$","type":"string"},"sha256":{"description":"The SHA-256 digest of the file, in 64 lower-case hexadecimal digits.","pattern":"^[0-9a-f]{64}$","type":"string"}},"required":["path","sha256"],"type":"object"},"compose":{"description":"Required with the runtime Compose, and not allowed without it.","properties":{"envPath":{"description":"Where the .env file lies in the bucket; left out where the bundle needs none.","maxLength":1024,"minLength":1,"pattern":"^([^./\\\\\\x00-\\x1F\\x7F]|\\.[^./\\\\\\x00-\\x1F\\x7F]|\\.\\.[^/\\\\\\x00-\\x1F\\x7F])[^/\\\\\\x00-\\x1F\\x7F]*(/([^./\\\\\\x00-\\x1F\\x7F]|\\.[^./\\\\\\x00-\\x1F\\x7F]|\\.\\.[^/\\\\\\x00-\\x1F\\x7F])[^/\\\\\\x00-\\x1F\\x7F]*)*$","type":"string"},"projectName":{"description":"The name of the Compose project. Cannot be changed later.","maxLength":63,"minLength":1,"pattern":"^[a-z0-9][a-z0-9_-]*$","type":"string"},"timeout":{"default":"10m","description":"How long the upgrade may take until everything is healthy, from 1s to 24h.","maxLength":32,"minLength":1,"pattern":"^(0|([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?)$","type":"string"}},"required":["projectName"],"type":"object"},"deletionPolicy":{"default":"Orphan","description":"What happens to what runs when this object is deleted: Orphan leaves it running, Uninstall removes the Helm release or Compose project first. A project''s volumes stay; of a release, what its chart or Kubernetes keeps.","enum":["Orphan","Uninstall"],"type":"string"},"drift":{"default":"Correct","description":"What happens when somebody changes what runs: Correct puts it back, Warn reports it, Ignore does nothing.","enum":["Correct","Warn","Ignore"],"type":"string"},"driftIgnore":{"description":"Fields of live objects that others may change without being corrected. Only with the runtime Helm.","items":{"properties":{"kind":{"description":"The kind of the objects, for example Deployment.","maxLength":63,"minLength":1,"type":"string"},"name":{"description":"One object; left out for all of the kind.","maxLength":253,"minLength":1,"pattern":"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$","type":"string"},"paths":{"description":"JSON pointers, for example /spec/replicas: the field and everything under it.","items":{"maxLength":1024,"minLength":1,"pattern":"^(/([^~/]|~0|~1)*)+$","type":"string"},"maxItems":50,"type":"array"}},"required":["kind","paths"],"type":"object"},"maxItems":50,"type":"array"},"failurePolicy":{"default":"RollBack","description":"What happens when the version cannot be brought up: RollBack returns to the last version that ran in full health, Hold leaves everything as the failure left it.","enum":["RollBack","Hold"],"type":"string"},"helm":{"description":"Required with the runtime Helm, and not allowed without it.","properties":{"releaseName":{"description":"The name of the Helm release. Cannot be changed later.","maxLength":53,"minLength":1,"pattern":"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$","type":"string"},"timeout":{"default":"10m","description":"How long the upgrade may take until everything is ready, from 1s to 24h.","maxLength":32,"minLength":1,"pattern":"^(0|([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?)$","type":"string"},"valuesFrom":{"description":"Values that must not lie in a bucket, from Secrets and ConfigMaps; merged over the file at valuesPath, each over those before it.","items":{"properties":{"key":{"default":"values.yaml","description":"The key whose value is a values file.","maxLength":253,"minLength":1,"pattern":"^[-._a-zA-Z0-9]+$","type":"string"},"kind":{"description":"Secret or ConfigMap.","enum":["Secret","ConfigMap"],"type":"string"},"name":{"description":"The object, in the namespace of the DesiredDeployment.","maxLength":253,"minLength":1,"pattern":"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$","type":"string"},"optional":{"default":false,"description":"True: where the object or key is missing it is left out; otherwise nothing is deployed without it.","type":"boolean"}},"required":["kind","name"],"type":"object"},"maxItems":20,"type":"array"},"valuesPath":{"description":"Where values.yaml lies in the bucket; left out where the chart needs none.","maxLength":1024,"minLength":1,"pattern":"^([^./\\\\\\x00-\\x1F\\x7F]|\\.[^./\\\\\\x00-\\x1F\\x7F]|\\.\\.[^/\\\\\\x00-\\x1F\\x7F])[^/\\\\\\x00-\\x1F\\x7F]*(/([^./\\\\\\x00-\\x1F\\x7F]|\\.[^./\\\\\\x00-\\x1F\\x7F]|\\.\\.[^/\\\\\\x00-\\x1F\\x7F])[^/\\\\\\x00-\\x1F\\x7F]*)*$","type":"string"}},"required":["releaseName"],"type":"object"},"imageTags":{"additionalProperties":{"pattern":"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$","type":"string"},"description":"The image tag of each service by the service''s name, for example backend: sha-abc. Services not named keep what the artifact says.","maxProperties":50,"type":"object"},"interval":{"default":"1m","description":"How often the environment is looked at without any cause, from 1s to 24h.","maxLength":32,"minLength":1,"pattern":"^(0|([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?)$","type":"string"},"manifest":{"description":"The vendor''s signed release manifest: the text of a DSSE envelope, as wrktalkctl release sign writes it. An Agent with a trust root deploys nothing without it, and nothing that does not agree with it.","maxLength":262144,"minLength":1,"type":"string"},"newNonEssentialEnvs":{"description":"Non-essential settings the version brings along. A setting that is already there keeps the customer''s value.","items":{"properties":{"key":{"description":"The name of the setting, for example NEW_FEATURE.","maxLength":256,"minLength":1,"pattern":"^[A-Za-z_][A-Za-z0-9_]*$","type":"string"},"value":{"description":"Its value where the customer has none yet.","maxLength":32768,"type":"string"}},"required":["key","value"],"type":"object"},"maxItems":200,"type":"array","x-kubernetes-list-map-keys":["key"],"x-kubernetes-list-type":"map"},"rollbackTo":{"description":"Return to an earlier revision; stands instead of version and artifact.","properties":{"revision":{"description":"The revision to return to, as status.history numbers them.","format":"int64","maximum":2147483647,"minimum":1,"type":"integer"}},"required":["revision"],"type":"object"},"runtime":{"description":"What runs the release: Helm on Kubernetes, or Docker Compose. Cannot be changed later.","enum":["Helm","Compose"],"type":"string"},"schedule":{"description":"When to start; at once where it is left out.","properties":{"notBefore":{"description":"The earliest moment to start, for example 2026-12-15T02:00:00Z.","format":"date-time","type":"string"},"startingDeadline":{"default":"10m","description":"How long after notBefore a start is still wanted, from 1s to 168h. If the Agent could not start until then, nothing runs until there is a new schedule.","maxLength":32,"minLength":1,"pattern":"^(0|([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?)$","type":"string"}},"required":["notBefore"],"type":"object"},"suspend":{"default":false,"description":"True: nothing is changed, not even drift, until it is false again.","type":"boolean"},"version":{"description":"The version to run, for example 2.3.0. Left out only with rollbackTo.","maxLength":64,"minLength":1,"pattern":"^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$","type":"string"}},"required":["runtime"],"type":"object"},"status":{"description":"What the Agent last saw and did. Written by the Agent only.","properties":{"agent":{"description":"The Agent that last wrote this status.","properties":{"identity":{"description":"The process, as it stands in the Lease.","type":"string"},"term":{"description":"How often the Lease had changed hands when this Agent took it.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"}},"required":["identity","term"],"type":"object"},"attemptStartedAt":{"description":"When that attempt began.","format":"date-time","type":"string"},"attempts":{"description":"How often the attempted generation was tried.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"conditions":{"description":"What the Agent last observed, one entry a type.","items":{"properties":{"lastTransitionTime":{"description":"When its status last changed.","format":"date-time","type":"string"},"message":{"description":"Why, in a sentence a person can act on.","type":"string"},"observedGeneration":{"description":"The generation it speaks of.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"reason":{"description":"Why, in one word in CamelCase.","type":"string"},"status":{"description":"Whether it holds.","enum":["True","False","Unknown"],"type":"string"},"type":{"description":"What the condition is about, for example Ready.","type":"string"}},"required":["lastTransitionTime","message","reason","status","type"],"type":"object"},"maxItems":32,"type":"array","x-kubernetes-list-map-keys":["type"],"x-kubernetes-list-type":"map"},"corrections":{"description":"How many corrections of drift followed each other closely; the pause before the next doubles with each.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"current":{"description":"The last version that was seen running in full health.","properties":{"artifactSha256":{"description":"The digest of its artifact.","type":"string"},"imageDigests":{"additionalProperties":{"type":"string"},"description":"The image digest of each service.","type":"object"},"manifestSha256":{"description":"The digest of that revision''s manifest, for Helm.","type":"string"},"release":{"description":"What names the release exactly.","properties":{"artifact":{"description":"The chart or bundle.","properties":{"path":{"description":"Where it lies in the bucket.","type":"string"},"sha256":{"description":"Its SHA-256 digest.","type":"string"}},"required":["path","sha256"],"type":"object"},"configPath":{"description":"Where the .env or values file it ran with lies in the bucket.","type":"string"},"imageTags":{"additionalProperties":{"type":"string"},"description":"The image tag of each service.","type":"object"},"releaseManifestSha256":{"description":"The digest of what the vendor signed of it: of its manifest''s payload.","type":"string"},"valuesFrom":{"description":"Where further values came from.","items":{"properties":{"key":{"description":"The key in it.","type":"string"},"kind":{"description":"Secret or ConfigMap.","enum":["Secret","ConfigMap"],"type":"string"},"name":{"description":"The object.","type":"string"},"optional":{"description":"Whether it may be missing.","type":"boolean"}},"required":["kind","name"],"type":"object"},"type":"array"},"version":{"description":"The version.","type":"string"}},"required":["artifact","version"],"type":"object"},"revision":{"description":"For Helm the revision of the release; for Compose the count of releases that ran in full health.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"services":{"description":"What each service was started as; drift is measured against it.","items":{"properties":{"configHash":{"description":"Compose''s hash of the service''s configuration.","type":"string"},"image":{"description":"The image reference, pinned to its digest where the registry gave one.","type":"string"},"imageID":{"description":"The engine''s id of the image.","type":"string"},"mayComplete":{"description":"True for a service that runs, but is done where it ends with exit code 0.","type":"boolean"},"name":{"description":"The service.","type":"string"},"replicas":{"description":"How many containers it has.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"runsToCompletion":{"description":"True for a service that has ended with exit code 0, or is there to: it is done.","type":"boolean"},"settings":{"additionalProperties":{"type":"string"},"description":"Limits, restart policy and networks of its containers; the engine''s defaults are left out.","type":"object"}},"required":["configHash","image","imageID","name","replicas","runsToCompletion"],"type":"object"},"type":"array"},"since":{"description":"Since when it has run in full health.","format":"date-time","type":"string"},"unapplied":{"description":"What of the release the engine keeps otherwise, and deploying cannot change.","items":{"type":"string"},"type":"array"},"version":{"description":"The version.","type":"string"},"warnings":{"description":"What people should know of it though it runs, such as a setting that has no value.","items":{"type":"string"},"type":"array"}},"required":["artifactSha256","imageDigests","release","revision","since","version"],"type":"object"},"failure":{"description":"Why the attempted generation failed; stays until it is tried again.","properties":{"at":{"description":"When it failed.","format":"date-time","type":"string"},"generation":{"description":"The generation that failed.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"message":{"description":"Why, and what to do about it.","type":"string"},"reason":{"description":"Why, in one word.","type":"string"},"version":{"description":"The version that failed.","type":"string"}},"required":["at","generation","message","reason","version"],"type":"object"},"history":{"description":"What was deployed, failed or rolled back; newest first, at most 20 entries.","items":{"properties":{"completedAt":{"description":"When it ended.","format":"date-time","type":"string"},"generation":{"description":"The generation that asked for it.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"imageDigests":{"additionalProperties":{"type":"string"},"description":"The image digest of each service.","type":"object"},"images":{"additionalProperties":{"type":"string"},"description":"The image reference of each service, pinned to its digest: what a rollback to it starts.","type":"object"},"manifestSha256":{"description":"The digest of that revision''s manifest, for Helm.","type":"string"},"message":{"description":"How it ended, in a sentence.","type":"string"},"outcome":{"description":"How it ended.","enum":["Deployed","Failed","RolledBack"],"type":"string"},"release":{"description":"What names the release exactly.","properties":{"artifact":{"description":"The chart or bundle.","properties":{"path":{"description":"Where it lies in the bucket.","type":"string"},"sha256":{"description":"Its SHA-256 digest.","type":"string"}},"required":["path","sha256"],"type":"object"},"configPath":{"description":"Where the .env or values file it ran with lies in the bucket.","type":"string"},"imageTags":{"additionalProperties":{"type":"string"},"description":"The image tag of each service.","type":"object"},"releaseManifestSha256":{"description":"The digest of what the vendor signed of it: of its manifest''s payload.","type":"string"},"valuesFrom":{"description":"Where further values came from.","items":{"properties":{"key":{"description":"The key in it.","type":"string"},"kind":{"description":"Secret or ConfigMap.","enum":["Secret","ConfigMap"],"type":"string"},"name":{"description":"The object.","type":"string"},"optional":{"description":"Whether it may be missing.","type":"boolean"}},"required":["kind","name"],"type":"object"},"type":"array"},"version":{"description":"The version.","type":"string"}},"required":["artifact","version"],"type":"object"},"revision":{"description":"The revision it became; absent where it never ran in health.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"startedAt":{"description":"When it began.","format":"date-time","type":"string"}},"required":["completedAt","generation","message","outcome","release","startedAt"],"type":"object"},"maxItems":20,"type":"array"},"lastAttemptedGeneration":{"description":"The last generation whose release the Agent began to deploy.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"lastHandledRetryRequest":{"description":"The value of the annotation deploy.wrktalk.com/retryRequestedAt last acted upon.","type":"string"},"nextAttemptAt":{"description":"After a failure that may pass: nothing is tried again before this moment.","format":"date-time","type":"string"},"observedGeneration":{"description":"The generation that the conditions speak of.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"progress":{"description":"How far a running change is.","properties":{"done":{"description":"How many parts of the step are done.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"message":{"description":"The same in words.","type":"string"},"step":{"description":"What is being done.","enum":["Preparing","Downloading","Verifying","Pulling","Starting","Upgrading","RollingBack","WaitingForWorkloads","ReplacingAgent","Recording","Uninstalling"],"type":"string"},"total":{"description":"How many parts the step has.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"}},"required":["done","message","step","total"],"type":"object"},"resumptions":{"description":"How often the present attempt was resumed after the Agent ended in its midst.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"target":{"description":"What was deployed to; it cannot be changed later.","properties":{"name":{"description":"The Compose project or Helm release.","type":"string"},"runtime":{"description":"Helm or Compose.","enum":["Helm","Compose"],"type":"string"}},"required":["name","runtime"],"type":"object"},"trustRootVersion":{"description":"The version of the trust root when that attempt began.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"}},"type":"object"}},"required":["spec"],"type":"object"}')
--
INSERT INTO public.resource_schema VALUES ('leases.coordination.k8s.io', '{"description":"Says who of several may work.","properties":{"spec":{"default":{},"description":"Who holds the lease, and until when.","properties":{"acquireTime":{"description":"When the holder got it.","format":"date-time","type":"string"},"holderIdentity":{"description":"Who holds the lease.","type":"string"},"leaseDurationSeconds":{"description":"How long it is held after renewTime at most, in seconds.","format":"int64","maximum":2147483647,"minimum":1,"type":"integer"},"leaseTransitions":{"description":"How often the holder changed.","format":"int64","maximum":2147483647,"minimum":0,"type":"integer"},"preferredHolder":{"description":"Who should hold it; kept for other clients.","type":"string"},"renewTime":{"description":"When the holder last said that it lives.","format":"date-time","type":"string"},"strategy":{"description":"How a new holder is chosen; kept for other clients.","type":"string"}},"type":"object"}},"required":["spec"],"type":"object"}')
--
INSERT INTO public.resource_schema VALUES ('namespaces', '{"description":"A space within which names are unique.","properties":{"spec":{"description":"What is wanted of the namespace.","properties":{"finalizers":{"description":"Accepted for compatibility; metadata.finalizers is what counts.","items":{"type":"string"},"type":"array"}},"type":"object"},"status":{"default":{},"description":"What is known of the namespace.","properties":{"phase":{"default":"Active","description":"Whether it is in use.","enum":["Active","Terminating"],"type":"string"}},"type":"object"}},"type":"object"}')
--
INSERT INTO public.schema_migration VALUES (1, 'resource change log', '2d430e5a141468d8', '2026-11-27T05:14:51.296635Z')
--
INSERT INTO public.schema_migration VALUES (2, 'desired_deployment', 'd847a92247a1f613', '2026-11-27T05:14:51.308665Z')
--
INSERT INTO public.schema_migration VALUES (3, 'event', 'd70b0c96ad32d5b9', '2026-11-27T05:14:51.320808Z')
--
INSERT INTO public.schema_migration VALUES (4, 'lease', '9a99c51f7c3aa33b', '2026-11-27T05:14:51.332723Z')
--
INSERT INTO public.schema_migration VALUES (5, 'namespace', '9084e26d3e1335ba', '2026-11-27T05:14:51.348711Z')
--
INSERT INTO public.schema_migration VALUES (299, 'change journal: versions apart from texts', '6de8aeddf411698f', '2026-11-27T05:14:51.350636Z')
--
INSERT INTO public.schema_migration VALUES (300, 'desired_deployment: version apart from the text', 'd4f309bf4f35b160', '2026-11-27T05:14:51.351369Z')
--
INSERT INTO public.schema_migration VALUES (301, 'event: version apart from the text', '2f652a8d1778f48a', '2026-11-27T05:14:51.351829Z')
--
INSERT INTO public.schema_migration VALUES (302, 'lease: version apart from the text', 'f0599f7d9956908c', '2026-11-27T05:14:51.352425Z')
--
INSERT INTO public.schema_migration VALUES (303, 'namespace: version apart from the text', 'e4c7a3163fe45207', '2026-11-27T05:14:51.352863Z')
--
INSERT INTO public.schema_migration VALUES (500, 'bounded change log, epochs', 'f48eb1c1a828f4bd', '2026-11-27T05:14:51.372667Z')
--
INSERT INTO public.schema_migration VALUES (501, 'desired_deployment: size and time of the last write', '8735964d53ae91c6', '2026-11-27T05:14:51.376547Z')
--
INSERT INTO public.schema_migration VALUES (502, 'event: size and time of the last write', '6231acecbcb44dc8', '2026-11-27T05:14:51.380702Z')
--
INSERT INTO public.schema_migration VALUES (503, 'lease: size and time of the last write', '272826194504d85c', '2026-11-27T05:14:51.384622Z')
--
INSERT INTO public.schema_migration VALUES (504, 'namespace: size and time of the last write', '4adcb9680bb42f40', '2026-11-27T05:14:51.388552Z')
--
INSERT INTO public.schema_migration VALUES (999, 'schemas whose defaults all objects have', 'd0568eae1a376524', '2026-11-27T05:14:51.400725Z')
--
INSERT INTO public.schema_migration VALUES (1000, 'api tokens', '1e5b5440c32f4bce', '2026-11-27T05:14:51.412672Z')
--
INSERT INTO public.schema_migration VALUES (1001, 'non-essential settings', '57505b442cc38f56', '2026-11-27T05:14:51.428145Z')
--
INSERT INTO public.schema_migration VALUES (1002, 'last use of tokens', '5564f8b053de9f0f', '2026-11-27T05:14:51.428938Z')
--
INSERT INTO public.schema_migration VALUES (1003, 'times of settings', '8990f9ea10b2c706', '2026-11-27T05:14:51.432335Z')
--
INSERT INTO public.schema_migration VALUES (1004, 'namespaces of agents'' tokens', '5f0c3562232384fc', '2026-11-27T05:14:51.433260Z')
--
ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_digest_key UNIQUE (digest)
--
ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (name)
--
ALTER TABLE ONLY public.desired_deployment
    ADD CONSTRAINT desired_deployment_pkey PRIMARY KEY (namespace, name)
--
ALTER TABLE ONLY public.desired_deployment
    ADD CONSTRAINT desired_deployment_uid_key UNIQUE (uid)
--
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (namespace, name)
--
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_uid_key UNIQUE (uid)
--
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (namespace, name)
--
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_uid_key UNIQUE (uid)
--
ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT namespace_pkey PRIMARY KEY (namespace, name)
--
ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT namespace_uid_key UNIQUE (uid)
--
ALTER TABLE ONLY public.non_essential_env
    ADD CONSTRAINT non_essential_env_key_key UNIQUE (key)
--
ALTER TABLE ONLY public.non_essential_env
    ADD CONSTRAINT non_essential_env_pkey PRIMARY KEY (id)
--
ALTER TABLE ONLY public.resource_change
    ADD CONSTRAINT resource_change_pkey PRIMARY KEY (revision)
--
ALTER TABLE ONLY public.resource_compaction
    ADD CONSTRAINT resource_compaction_pkey PRIMARY KEY (id)
--
ALTER TABLE ONLY public.resource_epoch
    ADD CONSTRAINT resource_epoch_pkey PRIMARY KEY (first)
--
ALTER TABLE ONLY public.resource_kind_compaction
    ADD CONSTRAINT resource_kind_compaction_pkey PRIMARY KEY (kind)
--
ALTER TABLE ONLY public.resource_revision
    ADD CONSTRAINT resource_revision_pkey PRIMARY KEY (id)
--
ALTER TABLE ONLY public.resource_schema
    ADD CONSTRAINT resource_schema_pkey PRIMARY KEY (kind)
--
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
--
CREATE INDEX desired_deployment_written_at ON public.desired_deployment USING btree (written_at, created_at)
--
CREATE INDEX event_written_at ON public.event USING btree (written_at, created_at)
--
CREATE INDEX lease_written_at ON public.lease USING btree (written_at, created_at)
--
CREATE INDEX namespace_written_at ON public.namespace USING btree (written_at, created_at)
--
CREATE INDEX resource_change_key ON public.resource_change USING btree (kind, namespace, name, revision)
--
CREATE INDEX resource_change_size ON public.resource_change USING btree (revision, kind, namespace, size, written_at)
--
CREATE TRIGGER non_essential_env_updated BEFORE UPDATE ON public.non_essential_env FOR EACH ROW EXECUTE FUNCTION public.non_essential_env_updated()
