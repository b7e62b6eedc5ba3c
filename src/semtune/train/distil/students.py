"""Old names of the distillation's modules, until their last users import from the new ones."""

from semtune.train.distil.fewer_dims import to_dims
from semtune.train.distil.fewer_layers import to_layers
from semtune.train.distil.job import DistillationJob as Job
from semtune.train.distil.job import Student, allowed_dimension
from semtune.train.distil.multilingual import to_multilingual
from semtune.train.distil.publish import publish
from semtune.train.distil.static_student import to_static

__all__ = ["Job", "Student", "allowed_dimension", "publish", "to_dims", "to_layers", "to_multilingual", "to_static"]
