"""What runners other than the local one need: jobs that are named and ended, worker processes, Dataflow's options."""
