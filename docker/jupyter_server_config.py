"""JupyterLab in the cluster: who its user is for Slurm's panel, and our page as a tile of its launcher."""

import getpass

from jupyter_server.auth.identity import PasswordIdentityProvider, User

c = get_config()  # noqa: F821 (Jupyter defines it)


class Owner(PasswordIdentityProvider):
    """Who has the token is the user that everything here runs as: the panel asks for the jobs of this name."""

    def generate_anonymous_user(self, handler):
        name = getpass.getuser()
        return User(username=name, name=name)


c.ServerApp.identity_provider_class = Owner
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}

# JupyterLab has asked who comes; the page lets in this user's processes alone, over a socket that others cannot open.
c.ServerProxy.servers = {
    "prun": {
        "command": ["prun", "web", "--socket", "{unix_socket}"],
        "unix_socket": True,
        "timeout": 10,
        "new_browser_tab": False,
        "launcher_entry": {
            "title": "prun",
            "category": "Other",
            "icon_path": "/opt/jupyter/share/prun.svg",
        },
    },
}
