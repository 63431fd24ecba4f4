"""A sweep's directory: the plan, the parts that workers write, and the results made of them.

Parts are the truth; results.parquet is made of them and can always be made again. Duplicates of
a run are harmless: the last valid row wins. A damaged part is set aside, never trusted.
"""

from phasegrok.store.directory import Store, kept_path
from phasegrok.store.files import write_whole
from phasegrok.store.loading import load
from phasegrok.store.schema import swept
from phasegrok.store.weights import load_weights

__all__ = ["Store", "kept_path", "load", "load_weights", "swept", "write_whole"]
