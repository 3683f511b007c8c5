"""What we read of Kubernetes' objects: their identity, and the few fields that something here goes by."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import quote

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

SERVICE_LABELS = ("app.kubernetes.io/name", "app")
"""Labels that name the service an object belongs to, the best first."""

SICK = "node.kubernetes.io/"
"""Kubernetes' own taints on a node that is ill or cordoned."""


class Patch(StrEnum):
    """How a change is put into an object."""

    STRATEGIC = "application/strategic-merge-patch+json"
    """Maps are merged, and lists by the names of what is in them."""
    MERGE = "application/merge-patch+json"
    """Maps are merged, lists are replaced; null takes away."""
    JSON = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """Where the objects of one kind are."""

    group: str
    """Empty for the core."""
    version: str
    plural: str
    noun: str
    """For people: ``Deployment``."""

    def path(self, namespace: str | None, name: str | None = None, part: str | None = None) -> str:
        """The address of all of them, of one, or of a part of one (``eviction``)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        own = "".join(f"/{quote(each, safe='')}" for each in (name, part) if each)
        return f"{root}{place}/{self.plural}{own}"


class Seen(BaseModel):
    """Base of what is read: unknown fields are passed over, and a null is as good as nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value


class Owner(Seen):
    """Whom an object belongs to."""

    kind: str
    name: str
    uid: str
    controller: bool = False


class Metadata(Seen):
    """Who an object is."""

    name: str
    namespace: str = ""
    uid: str
    resource_version: str
    generation: int = 0
    creation_timestamp: AwareDatetime
    deletion_timestamp: AwareDatetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[Owner, ...] = ()

    @property
    def controller(self) -> Owner | None:
        """Who made it and looks after it."""
        return next((each for each in self.owner_references if each.controller), None)


class Status(Seen):
    """One condition in an object's status."""

    type: str
    status: str
    reason: str = ""


class Resource(Seen):
    """One object."""

    kind: ClassVar[Kind]
    metadata: Metadata


R = TypeVar("R", bound=Resource)


class PodStatus(Seen):
    """How a pod is."""

    phase: str = ""
    conditions: tuple[Status, ...] = ()


class PodSpec(Seen):
    """Where a pod runs."""

    node_name: str = ""


class Pod(Resource):
    """One pod."""

    kind: ClassVar[Kind] = Kind("", "v1", "pods", "Pod")
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Whether it serves, and is not on its way out."""
        return self.metadata.deletion_timestamp is None and any(
            each.type == "Ready" and each.status == "True" for each in self.status.conditions
        )


class Taint(Seen):
    """What keeps pods off a node that do not tolerate it."""

    key: str
    value: str = ""
    effect: str


class NodeSpec(Seen):
    """How a node is to be."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class Node(Resource):
    """One node, as people and controllers want it."""

    kind: ClassVar[Kind] = Kind("", "v1", "nodes", "Node")
    spec: NodeSpec = NodeSpec()


def _shaped(template: dict[str, Any]) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    maps = [metadata, template.get("spec") or {}]
    maps += [metadata.get(each) or {} for each in ("labels", "annotations")] if isinstance(metadata, dict) else []
    if not all(isinstance(each, dict) for each in maps):
        raise ValueError("this is no pod template")
    return template


Template = Annotated[dict[str, Any], AfterValidator(_shaped)]
"""A pod template as it is written, whole; where it has metadata, labels, annotations and a spec, they are mappings."""
