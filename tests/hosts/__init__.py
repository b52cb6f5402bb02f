"""Workers on machines of their own: network namespaces with addresses, pids, host names and disks of their own."""
