{{ config_get("user.labiac.seed.user-data", "") }}
