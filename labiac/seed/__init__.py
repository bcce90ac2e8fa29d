"""What a guest reads on its first boot: cloud-init's NoCloud files, from templates."""
