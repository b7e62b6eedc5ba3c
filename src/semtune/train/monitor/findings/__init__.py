"""What can go wrong in a training, a file for each subject; `semtune.train.monitor.diagnosis` asks them all."""
