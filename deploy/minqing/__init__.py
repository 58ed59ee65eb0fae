"""The `minqing` command: starts the suite on its own servers, and looks after a running one."""
