"""An issuer of assertions on loopback, in the place of Microsoft Entra ID: key set and signatures.

Only for this machine: the service reaches it because `make run` lets it, by an argument that no
setting reaches.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair with its id, and the algorithm that it signs with."""

    kid: str
    private: PrivateKey = field(repr=False)
    algorithm: str = "RS256"

    @classmethod
    def rsa(cls, kid: str, algorithm: str = "RS256", bits: int = 2048) -> SigningKey:
        """Make a new RSA key."""
        return cls(kid, rsa.generate_private_key(public_exponent=65537, key_size=bits), algorithm)

    @classmethod
    def ec(cls, kid: str) -> SigningKey:
        """Make a new key on the curve P-256."""
        return cls(kid, ec.generate_private_key(ec.SECP256R1()), "ES256")

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as a JWK (RFC 7517)."""
        of_type = jwt.get_algorithm_by_name(self.algorithm)
        public = json.loads(of_type.to_jwk(self.private.public_key()))
        return {**public, "kid": self.kid, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Sign an assertion; `header` has more members of its header, or other ones."""
        sent = {"typ": "JWT", "kid": self.kid, **header}
        payload = json.dumps(claims).encode()
        return jwt.PyJWS().encode(payload, self.private, self.algorithm, headers=sent)


@dataclass(slots=True)
class FakeIssuer:
    """The issuer: its URL, the keys that it publishes, and how often they were asked for."""

    url: str
    keys: list[SigningKey]
    asked: int = 0

    @property
    def keys_url(self) -> str:
        """Where its key set is."""
        return f"{self.url}/keys"

    def key_set(self) -> bytes:
        """Return the JWK Set."""
        self.asked += 1
        return json.dumps({"keys": [key.jwk for key in self.keys]}).encode()


@contextmanager
def fake_issuer(
    *keys: SigningKey,
    port: int = 0,
    respond: Callable[[BaseHTTPRequestHandler], None] | None = None,
) -> Iterator[FakeIssuer]:
    """Run an issuer on loopback; without keys it makes two. `respond` sends something else."""
    made = list(keys) or [SigningKey.rsa("key-1"), SigningKey.rsa("key-2")]
    issuer = FakeIssuer("", made)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if respond is not None:
                # The client may not wait for the end.
                with suppress(ConnectionError):
                    respond(self)
                return
            body = issuer.key_set()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    # It looks so often whether it shall end.
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
