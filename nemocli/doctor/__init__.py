"""What this machine has for nemocli: what is looked for, and what adds what is missing."""
