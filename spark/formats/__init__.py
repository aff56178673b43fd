"""How delivered files become frames: fast where a file is well formed, record by record else."""
