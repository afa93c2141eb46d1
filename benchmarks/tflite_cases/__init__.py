"""Random .tflite files, and what LiteRT says of them."""
