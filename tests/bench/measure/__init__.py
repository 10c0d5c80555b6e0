"""What tests/bench/run is made of: the brokers, the rows of the table, and how it is printed."""
