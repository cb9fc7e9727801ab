"""The networks: configs and presets, building, saving and loading."""
