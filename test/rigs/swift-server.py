# Runs a Swift server with the swift.conf of the given folder; the program of Debian knows only /etc/swift/swift.conf.
import sys

from swift.common.utils import set_swift_dir

folder, kind = sys.argv[1:]
set_swift_dir(folder)

from swift.common import constraints  # noqa: E402
from swift.common.wsgi import run_wsgi  # noqa: E402

constraints.reload_constraints()
options = {"verbose": True}
if kind == "object":
    from swift.obj import server

    options["global_conf_callback"] = server.global_conf_callback
sys.exit(run_wsgi(f"{folder}/{kind}-server.conf", f"{kind}-server", **options))
