"""Where bytes leave the process: local, ssh and replayed hosts behind one method."""
