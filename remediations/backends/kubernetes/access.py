"""How we come to a cluster, and as whom: an address and a token, a pod's service account, or a kubeconfig.

Everything is read anew at each call, because tokens rotate, certificates are renewed, and plugins give short-lived
ones. No secret is in an error, a log or a representation.
"""

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bot.http_client import json_in
from bot.remediation import PermanentError
from remediations.backends import program
from remediations.backends.credentials import read_secret

if TYPE_CHECKING:
    from kubernetes_asyncio.client import Configuration

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's token and its cluster's certificates."""
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
FOR_PLUGINS = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"})
FOR_PLUGINS_BY_PREFIX = ("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "KUBE", "XDG_", "LC_")
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"})
"""Variables that a kubeconfig's credential plugin gets; whatever else it needs, the kubeconfig names under `env`."""
PLUGIN_BYTES = 1_000_000
PLUGIN_SECONDS = 60.0
"""What a plugin may say, and how long it may take where nothing else ends it; a token needs far less."""


@dataclass(frozen=True, slots=True)
class Address:
    """The settings of a backend that say which cluster, and as whom."""

    url: str | None
    ca_file: Path | None
    token_env: str | None
    token_file: Path | None
    in_cluster: bool
    kubeconfig: Path | None
    context: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """An address, whom we trust to be there, and a bearer token."""

    url: str
    ca_file: Path | None
    token: str = field(repr=False)


def access(address: Address) -> Access:
    """The way in that needs no kubeconfig. Blocks: call it off the loop.

    Raises:
        PermanentError: a credential is not where the settings say.
    """
    if address.in_cluster:
        host, port = os.environ.get(HOST, ""), os.environ.get(PORT, "")
        if not (host and port):
            raise PermanentError(
                f"{HOST} and {PORT} are not set, so this is no pod of a cluster: remove `in_cluster`, and give `url` "
                "or `kubeconfig`."
            )
        host = f"[{host}]" if ":" in host else host
        return Access(f"https://{host}:{port}", POD / "ca.crt", _token(None, POD / "token"))
    if address.url is None:
        raise PermanentError("A Kubernetes backend needs one of url, in_cluster and kubeconfig.")
    return Access(address.url.rstrip("/"), address.ca_file, _token(address.token_env, address.token_file))


def _token(variable: str | None, file: Path | None) -> str:
    token = (read_secret(environment_variable=variable, file=file) or "").strip()
    if not (token.isascii() and token.isprintable() and token):
        where = f"Environment variable {variable}" if variable else f"Credential file {file}"
        raise PermanentError(f"{where} holds no token: a bearer token is one line of printable ASCII.")
    return token


async def configured(address: Address) -> "Configuration":
    """What the library needs to connect, from whatever the settings name.

    Raises:
        PermanentError: a credential is not where the settings say, or a kubeconfig cannot be used.
    """
    Configuration = await asyncio.to_thread(_configuration)  # noqa: N806  # a class; its import takes a while
    if address.kubeconfig is None:
        granted = await asyncio.to_thread(access, address)
        made = Configuration(
            host=granted.url, api_key={"BearerToken": granted.token}, api_key_prefix={"BearerToken": "Bearer"}
        )
        made.ssl_ca_cert = str(granted.ca_file) if granted.ca_file else None
    else:
        made = Configuration()
        await _load_kubeconfig(address.kubeconfig, address.context, made)
    made.client_side_validation = False
    # The chain and the name are checked; that authorities keep to the letter of RFC 5280 is asked of no cluster.
    made.disable_strict_ssl_verification = True
    return made


def _configuration() -> "type[Configuration]":
    from kubernetes_asyncio.client import Configuration

    return Configuration


async def _load_kubeconfig(path: Path, context: str | None, into: "Configuration") -> None:
    from kubernetes_asyncio.config import ConfigException
    from kubernetes_asyncio.config.dateutil import parse_rfc3339
    from kubernetes_asyncio.config.kube_config import KubeConfigLoader

    document = await asyncio.to_thread(_read_kubeconfig, path)

    class Loader(KubeConfigLoader):
        """The library's, but with a plugin that ends with us and whose words are not logged."""

        async def load_from_exec_plugin(self) -> bool:
            user: Any = self._user
            status = await _run_plugin(user["exec"].value, path)
            self.token = f"Bearer {status['token']}"
            if "expirationTimestamp" in status:
                self.exec_plugin_expiry = parse_rfc3339(status["expirationTimestamp"])
            return True

    try:
        loader = Loader(document, active_context=context, config_base_path=str(path.parent))
        await loader.load_and_set(into)
    except (ConfigException, KeyError, TypeError, ValueError, AttributeError, AssertionError, OSError) as error:
        named = f"context {context!r}" if context else "its current context"
        raise PermanentError(
            f"The kubeconfig {path} cannot be used with {named} ({type(error).__name__}): try it with "
            "`kubectl --kubeconfig` as the Watchkeeper user."
        ) from None
    if not str(into.host).startswith("https://") or not into.verify_ssl:
        raise PermanentError(
            f"The kubeconfig {path} leads to a server whose certificate is not checked: give it a "
            "certificate-authority instead of insecure-skip-tls-verify, and an https address."
        )


def _read_kubeconfig(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PermanentError(
            f"The kubeconfig {path} cannot be read ({type(error).__name__}): it must exist, be YAML, and be readable "
            "by the Watchkeeper process."
        ) from None
    if not isinstance(document, dict):
        raise PermanentError(f"The kubeconfig {path} is none: it must be a YAML mapping with clusters and contexts.")
    return document


def _passed_on() -> dict[str, str]:
    """What a credential plugin may know of our environment; our own secrets are there as well, and are none of its."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in FOR_PLUGINS or name.upper() in PROXIES or name.startswith(FOR_PLUGINS_BY_PREFIX)
    }


async def _run_plugin(plugin: dict[str, Any], kubeconfig: Path) -> dict[str, Any]:
    """Ask a credential plugin for a token. It is ended when we are cancelled; its words go nowhere."""
    command = [str(plugin["command"]), *map(str, plugin.get("args") or ())]
    variables = {str(each["name"]): str(each["value"]) for each in plugin.get("env") or ()}
    wanted = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    try:
        answer = await program.ask(
            *command,
            within=PLUGIN_SECONDS,
            environment={**_passed_on(), **variables, "KUBERNETES_EXEC_INFO": json.dumps(wanted)},
            folder=kubeconfig.parent,
            limit_bytes=PLUGIN_BYTES,
        )
    except TimeoutError:
        raise
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"The credential plugin {command[0]!r} of the kubeconfig {kubeconfig} cannot be started "
            f"({type(error).__name__}): install it for the Watchkeeper user."
        ) from None
    except program.TooLongAnswerError:
        raise PermanentError(
            f"The credential plugin {command[0]!r} of the kubeconfig {kubeconfig} gave more than {PLUGIN_BYTES} bytes, "
            "and no token is that long: run it as the Watchkeeper user."
        ) from None
    try:
        status = json_in(answer.output)["status"]
        if answer.succeeded and isinstance(status["token"], str):
            return dict(status)
    except (ValueError, KeyError, TypeError):
        pass
    raise PermanentError(
        f"The credential plugin {command[0]!r} of the kubeconfig {kubeconfig} gave no token (it ended with "
        f"{answer.status}): run it as the Watchkeeper user. Plugins that give certificates are not supported."
    )
