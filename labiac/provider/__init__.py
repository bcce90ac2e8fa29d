"""The Pulumi side: a native plugin, typed Python classes, and the program in ``stacks/``.

Policy-free: what exists is the plan's to say, how it is made the backend's, who reaches whom
`labiac.reach`'s. This package carries values between those and Pulumi.
"""
