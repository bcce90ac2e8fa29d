{{ config_get("user.labiac.seed.meta-data", "") }}
