//! Ranks' output becomes the job's output: in rank order, in whole lines as they come, labelled or not, into files
//! or onto the terminal.
