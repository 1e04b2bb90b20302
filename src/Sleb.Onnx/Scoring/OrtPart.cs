using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Protos;
using Sleb.Onnx.Surgery;

namespace Sleb.Onnx.Scoring;

/// <summary>A part of a decoder graph in ONNX Runtime: whole sequences, one row, an empty cache.</summary>
internal sealed class OrtPart : IDisposable
{
    private readonly InferenceSession _session;
    private readonly DecoderPackage _package;
    private readonly string _output;
    private readonly Dictionary<string, OrtValue> _caches = new(StringComparer.Ordinal);

    /// <param name="optimize">False runs the nodes as they are: none is computed ahead into a second copy of a weight.</param>
    /// <exception cref="CheckpointException">ONNX Runtime refuses it, or it has an input not known here.</exception>
    public OrtPart(DecoderPackage package, ModelProto model, bool optimize = true)
    {
        (_package, _output) = (package, model.Graph.Output[0].Name);
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = optimize ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            // A model has many parts of which one runs at a time: none keeps memory or busy threads for the next call.
            EnableCpuMemArena = false,
            EnableMemoryPattern = false,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", package.Folder);
        try
        {
            _session = new InferenceSession(model.ToByteArray(), options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new CheckpointException($"ONNX Runtime cannot run {Path.Combine(package.Folder, package.GraphFile)} on the CPU: {e.Message.TrimEnd('.')}.", e);
        }
        try
        {
            foreach (var (name, input) in _session.InputMetadata)
            {
                if (package.Caches.Block(name) is not null) _caches[name] = EmptyCache(input);
                else if (name != GraphParts.Hidden && !(input.ElementType == typeof(long) && (name == package.InputIds || name == package.AttentionMask || name == package.PositionIds)))
                    throw new CheckpointException($"{Path.Combine(package.Folder, package.GraphFile)} has the input '{Excerpt.Of(name)}' of type {input.ElementType.Name}, for which there is no value to give.");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <param name="ids">Where the part reads token ids.</param>
    /// <param name="hidden">Where it goes on from another part.</param>
    public OrtValue Run(int length, int[]? ids = null, OrtValue? hidden = null)
    {
        var inputs = new Dictionary<string, OrtValue>(_caches, StringComparer.Ordinal);
        if (hidden is not null) inputs[GraphParts.Hidden] = hidden;
        var own = new List<OrtValue>();
        try
        {
            foreach (string name in _session.InputMetadata.Keys.Where(name => !inputs.ContainsKey(name)))
            {
                long[] values = name == _package.InputIds ? Array.ConvertAll(ids!, id => (long)id)
                    : [.. Enumerable.Range(0, length).Select(position => name == _package.AttentionMask ? 1L : position)];
                own.Add(inputs[name] = OrtValue.CreateTensorValueFromMemory(values, [1, values.Length]));
            }
            using var options = new RunOptions();
            return _session.Run(options, inputs, [_output])[0]; // the list goes, its one value is the caller's
        }
        finally
        {
            own.ForEach(value => value.Dispose());
        }
    }

    /// <summary>A copy as float32 of a tensor of any of the types that graphs compute in.</summary>
    public static float[] Floats(OrtValue value)
    {
        var bytes = value.GetTensorMutableRawData();
        return value.GetTensorTypeAndShape().ElementDataType switch
        {
            TensorElementType.Float => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
            TensorElementType.Float16 => [.. MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Select(half => (float)half)],
            TensorElementType.BFloat16 => [.. MemoryMarshal.Cast<byte, ushort>(bytes).ToArray().Select(half => BitConverter.Int32BitsToSingle(half << 16))],
            var type => throw new NotSupportedException($"The model computes in {type}; float32, float16 and bfloat16 are supported."),
        };
    }

    public void Dispose()
    {
        foreach (var cache in _caches.Values) cache.Dispose();
        _session.Dispose();
    }

    private OrtValue EmptyCache(NodeMetadata input)
    {
        int Known(int dimension, string key) => input.Dimensions[dimension] > 0 ? input.Dimensions[dimension] : DecoderPackage.Number(_package.Decoder[key])
            ?? throw new CheckpointException($"{_package.Folder}: neither the graph nor genai_config.json's {key} says how large the KV cache is.");
        return OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, input.ElementDataType, [1, Known(1, "num_key_value_heads"), 0, Known(3, "head_size")]);
    }
}
