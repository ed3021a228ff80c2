"""What people and programs see: the command line, the chat page, the endpoint, the widget."""

import os
from pathlib import Path

STATIC = Path(__file__).parent / "static"

# read while Gradio is imported, wherever that happens first: nothing of this is to leave the machine
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
