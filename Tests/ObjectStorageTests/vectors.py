"""Requests as the clouds' own clients sign them, for fixed keys and a fixed moment.

vectors.py FILE    writes them (Tests/Fixtures/buckets/vectors.json); needs azure-storage-blob 12.31, botocore 1.44,
                   google-auth 2.63 and google-cloud-storage 3.17 with requests

Header fields that this product does not send (user agents, ids of requests) are taken out before a request is signed.
"""
import base64
import datetime
import json
import sys
from unittest import mock

MOMENT = datetime.datetime(2026, 12, 15, 2, 0, 0, tzinfo=datetime.timezone.utc)
KEY = "artifacts/helm/wrktalk 2.3.0+ü.tgz"
BODY = b"the bytes of a chart"
COPY = "copies/wrktalk.tgz"


def record(name, method, url, headers, body):
    return {
        "name": name, "method": method, "url": url,
        "headers": {k.lower(): v for k, v in sorted(headers.items()) if v is not None},
        "body": base64.b64encode(body or b"").decode(),
    }


# Azure ---------------------------------------------------------------------------------------------------------------

def azure():
    from azure.core.pipeline.transport import HttpTransport
    from azure.storage.blob import BlobServiceClient
    from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy

    version, account, key = "2021-12-02", "wrktalkstore", base64.b64encode(bytes(range(64))).decode()
    date = MOMENT.strftime("%a, %d %b %Y %H:%M:%S GMT")
    kept = {"authorization", "content-length", "content-md5", "content-type", "range"}
    dropped = {"x-ms-client-request-id", "x-ms-return-client-request-id"}
    out = []

    class Answered(Exception):
        pass

    class Capture(HttpTransport):
        def __init__(self): self.sent = None
        def open(self): pass
        def close(self): pass
        def __enter__(self): return self
        def __exit__(self, *_): pass

        def send(self, request, **_):
            self.sent = request
            raise Answered

    for endpoint in (f"https://{account}.blob.core.windows.net", f"http://127.0.0.1:10000/{account}"):
        transport = Capture()
        service = BlobServiceClient(
            endpoint, credential={"account_name": account, "account_key": key}, transport=transport, api_version=version,
            retry_total=0, max_single_put_size=1 << 20)
        container = service.get_container_client("customer-wrktalk")
        blob, target = container.get_blob_client(KEY), container.get_blob_client(COPY)
        block = base64.b64encode(b"00000001").decode()
        calls = {
            "put": lambda: blob.upload_blob(BODY, overwrite=True, validate_content=True),
            "get": lambda: blob.download_blob(max_concurrency=1),
            "range": lambda: blob.download_blob(offset=3, length=4),
            "head": lambda: blob.get_blob_properties(),
            "delete": lambda: blob.delete_blob(delete_snapshots="include"),
            "list": lambda: next(container.list_blobs(name_starts_with="artifacts/ü", results_per_page=7).by_page("next")),
            "block": lambda: blob.stage_block(block, BODY, validate_content=True),
            "commit": lambda: blob.commit_block_list([], validate_content=True),
            "copy": lambda: target.start_copy_from_url(blob.url),
        }
        for name, call in calls.items():
            try:
                call()
            except Answered:
                pass
            request = transport.sent
            body = request.body if isinstance(request.body, bytes) else (request.body or "").encode() if isinstance(
                request.body, str) else request.body.read() if request.body is not None else b""
            for header in list(request.headers):
                low = header.lower()
                if low in dropped or not (low.startswith("x-ms-") or low in kept):
                    del request.headers[header]
            request.headers["x-ms-date"] = date
            context = mock.Mock(http_request=request)
            context.context.transport = transport
            SharedKeyCredentialPolicy(account, key).on_request(context)
            out.append(record(name, request.method, request.url, dict(request.headers), body))
    return {"account": account, "key": key, "container": "customer-wrktalk", "requests": out}


# AWS -----------------------------------------------------------------------------------------------------------------

def aws():
    import botocore.auth
    import botocore.session
    from botocore.config import Config

    out = []
    for token in (None, "FwoGZXIvYXdzEXAMPLE//token=="):
        for endpoint in (None, "http://127.0.0.1:9000"):
            session = botocore.session.Session()
            client = session.create_client(
                "s3", region_name="eu-west-1", endpoint_url=endpoint, aws_access_key_id="AKIDEXAMPLE",
                aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", aws_session_token=token,
                config=Config(
                    signature_version="s3v4", retries={"max_attempts": 0}, request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"payload_signing_enabled": True, "addressing_style": "path" if endpoint else "virtual"}))
            captured = []

            def before_send(request, captured=captured, **_):
                captured.append(request)
                return mock.Mock(status_code=200, headers={}, content=b"", raw=mock.Mock())

            def before_sign(request, **_):
                # Neither does this product name the type of what it sends.
                for header in ("Content-Type", "amz-sdk-invocation-id", "amz-sdk-request", "Content-MD5"):
                    if header in request.headers:
                        del request.headers[header]

            client.meta.events.register_last("before-sign.s3", before_sign)
            client.meta.events.register_first("before-send.s3", before_send)
            place = {"Bucket": "customer-wrktalk", "Key": KEY}
            sha = base64.b64encode(__import__("hashlib").sha256(BODY).digest()).decode()
            calls = {
                "put": lambda: client.put_object(**place, Body=BODY, ChecksumSHA256=sha),
                "get": lambda: client.get_object(**place, ChecksumMode="ENABLED"),
                "range": lambda: client.get_object(**place, Range="bytes=3-6"),
                "head": lambda: client.head_object(**place),
                "delete": lambda: client.delete_object(**place),
                "list": lambda: client.list_objects_v2(
                    Bucket="customer-wrktalk", Prefix="artifacts/ü", MaxKeys=7, ContinuationToken="a+b/c="),
                "create": lambda: client.create_multipart_upload(**place),
                "part": lambda: client.upload_part(**place, UploadId="up+load/1=", PartNumber=3, Body=BODY),
                "abort": lambda: client.abort_multipart_upload(**place, UploadId="up+load/1="),
                "copy": lambda: client.copy_object(
                    Bucket="customer-wrktalk", Key=COPY, CopySource={"Bucket": "customer-wrktalk", "Key": KEY}),
            }
            class Fixed(datetime.datetime):
                @classmethod
                def utcnow(cls): return MOMENT.replace(tzinfo=None)
                @classmethod
                def now(cls, tz=None): return MOMENT if tz else MOMENT.replace(tzinfo=None)

            for name, call in calls.items():
                captured.clear()
                patches = [mock.patch("botocore.auth.get_current_datetime", lambda *a, **k: MOMENT.replace(tzinfo=None))] \
                    if hasattr(botocore.auth, "get_current_datetime") else [
                        mock.patch("botocore.auth.datetime.datetime", Fixed)]
                for patch in patches: patch.start()
                try:
                    call()
                except Exception:
                    pass
                finally:
                    for patch in patches: patch.stop()
                request = captured[0]
                headers = {
                    k: (v.decode() if isinstance(v, bytes) else v) for k, v in request.headers.items()
                    if k.lower() in ("authorization", "range") or k.lower().startswith("x-amz-")}
                body = request.body.read() if hasattr(request.body, "read") else request.body or b""
                out.append(dict(record(name, request.method, request.url, headers, body), token=token))
    return {
        "accessKeyID": "AKIDEXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "region": "eu-west-1", "bucket": "customer-wrktalk", "requests": out,
    }


# Google --------------------------------------------------------------------------------------------------------------

def google(previous):
    import google.auth.credentials
    import google.cloud.storage
    import google.oauth2.service_account
    import requests
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = previous or rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    info = {
        "type": "service_account", "client_email": "agent@wrktalk.iam.gserviceaccount.com", "private_key_id": "key-1",
        "private_key": pem, "token_uri": "https://oauth2.googleapis.com/token",
    }
    credentials = google.oauth2.service_account.Credentials.from_service_account_info(
        info, scopes=["https://www.googleapis.com/auth/devstorage.read_write"])
    with mock.patch("google.auth._helpers.utcnow", lambda: MOMENT.replace(tzinfo=None)):
        assertion = credentials._make_authorization_grant_assertion()
    assertion = assertion.decode() if isinstance(assertion, bytes) else assertion

    out = []
    class Captured(BaseException):
        pass

    class Session(requests.Session):
        is_mtls = False

        def request(self, method, url, data=None, headers=None, **kwargs):
            body = data.read() if hasattr(data, "read") else data or b""
            if isinstance(body, str): body = body.encode()
            headers = {k: v for k, v in (headers or {}).items() if k.lower() in ("content-type", "range", "content-range", "x-upload-content-type")}
            headers = {(k.decode() if isinstance(k, bytes) else k): (v.decode() if isinstance(v, bytes) else v) for k, v in headers.items()}
            out.append(record(self.operation, method, url, headers, body))
            # Of the bucket itself the client asks now and then, by itself.
            if "/o" not in url.split("?")[0].split("customer-wrktalk", 1)[1]:
                out.pop()
            raise Captured

    session = Session()
    client = google.cloud.storage.Client(
        project="wrktalk", credentials=google.auth.credentials.AnonymousCredentials(), _http=session)
    bucket = client.bucket("customer-wrktalk")
    import io
    calls = {
        "put": lambda: bucket.blob(KEY).upload_from_file(io.BytesIO(BODY), size=len(BODY), checksum=None, retry=None),
        "resumable": lambda: bucket.blob(KEY)._initiate_resumable_upload(
            client, io.BytesIO(BODY), "application/octet-stream", None, None, timeout=1, retry=None),
        "get": lambda: bucket.blob(KEY).download_as_bytes(raw_download=True, checksum=None, retry=None),
        "range": lambda: bucket.blob(KEY).download_as_bytes(start=3, end=6, raw_download=True, checksum=None, retry=None),
        "head": lambda: bucket.blob(KEY).reload(retry=None),
        "delete": lambda: bucket.blob(KEY).delete(retry=None),
        "list": lambda: list(client.list_blobs(bucket, prefix="artifacts/ü", max_results=7, retry=None)),
        "copy": lambda: bucket.blob(COPY).rewrite(bucket.blob(KEY), retry=None),
    }
    for name, call in calls.items():
        session.operation = name
        count = len(out)
        while len(out) == count:
            try:
                call()
            except Captured:
                pass
        # The client may have tried again.
        del out[count + 1:]
    return {"serviceAccount": info, "assertion": assertion, "bucket": "customer-wrktalk", "requests": out}


def main(path):
    try:
        previous = json.load(open(path))["google"]["serviceAccount"]["private_key"]
    except FileNotFoundError:
        previous = None
    document = {
        "moment": MOMENT.strftime("%Y-%m-%dT%H:%M:%SZ"), "key": KEY, "copy": COPY, "body": BODY.decode(),
        "azure": azure(), "aws": aws(), "google": google(previous),
    }
    with open(path, "w") as file:
        json.dump(document, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")


main(sys.argv[1])
