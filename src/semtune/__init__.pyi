from semtune.api import compare as compare
from semtune.api import distil as distil
from semtune.api import encode as encode
from semtune.api import encode_file as encode_file
from semtune.api import evaluate as evaluate
from semtune.api import export as export
from semtune.api import index as index
from semtune.api import label as label
from semtune.api import load_dataset as load_dataset
from semtune.api import load_encoder as load_encoder
from semtune.api import prepare as prepare
from semtune.api import run as run
from semtune.api import select as select
from semtune.api import train as train
from semtune.bulk.settings import EncodeSettings as EncodeSettings
from semtune.config import RunConfig as RunConfig
from semtune.contract import Contract as Contract
from semtune.errors import ConfigError as ConfigError
from semtune.errors import ContractError as ContractError
from semtune.errors import GateError as GateError
from semtune.errors import InputError as InputError
from semtune.errors import MissingExtraError as MissingExtraError
from semtune.errors import ModelError as ModelError
from semtune.errors import RunLockedError as RunLockedError
from semtune.errors import SemtuneError as SemtuneError
from semtune.errors import StorageError as StorageError
from semtune.evaluate.settings import EvaluateSettings as EvaluateSettings
from semtune.export.settings import ExportSettings as ExportSettings
from semtune.index.settings import IndexSettings as IndexSettings
from semtune.label.settings import LabelSettings as LabelSettings
from semtune.prepare.settings import PrepareSettings as PrepareSettings
from semtune.search.searcher import Searcher as Searcher
from semtune.search.settings import SearchSettings as SearchSettings
from semtune.select.settings import SelectSettings as SelectSettings
from semtune.train.settings import TrainSettings as TrainSettings

__version__: str
__all__: list[str]
