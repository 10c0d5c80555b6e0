"""What the black-box tests are made of: real processes, a real PostgreSQL, a backend written from
the contract alone, and a WebSocket client that can misbehave."""
