"""How Minqing is started and looked after: the command line, the servers, the containers."""
