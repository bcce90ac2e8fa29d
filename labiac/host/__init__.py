"""What every layer may ask of this machine: labiac's folder, processes, a line of progress."""
