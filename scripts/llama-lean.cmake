# The tests need the library alone: without this, llama-cpp-python also builds llama.cpp's chat and
# command line helpers, two thirds of the files. It switches them on in the cache; a plain variable wins.
set(LLAMA_BUILD_COMMON OFF)
