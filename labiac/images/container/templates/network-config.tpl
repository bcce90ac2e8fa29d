{{ config_get("user.labiac.seed.network-config", "") }}
