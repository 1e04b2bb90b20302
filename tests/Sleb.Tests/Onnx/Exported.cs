using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Protos;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>A checkpoint exported into a temporary folder and, where a test asks, loaded.</summary>
internal sealed class Exported : IDisposable
{
    private readonly TemporaryFolder _temporary = new();
    private readonly Checkpoint _checkpoint;
    private readonly Lazy<GenAIModel> _model;

    private Exported(Func<TemporaryFolder, Checkpoint> open, int[] removed)
    {
        try
        {
            _checkpoint = open(_temporary);
            Folder = OnnxExporter.Export(new() { Checkpoint = _checkpoint, RemovedBlocks = removed, OutFolder = _temporary["out"] }, TestContext.Current.CancellationToken).Folder;
        }
        catch
        {
            _checkpoint?.Dispose();
            _temporary.Dispose();
            throw;
        }
        _model = new(() => GenAIModel.Load(Folder));
    }

    public string Folder { get; }

    public GenAIModel Model => _model.Value;

    public ModelProto Graph => ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(Folder, "model.onnx")));

    public static Exported Of(string folder, params int[] removed) => new(_ => Checkpoint.Open(folder), removed);

    /// <summary>A changed copy of <paramref name="folder"/>, exported.</summary>
    public static Exported Changed(string folder, Action<CheckpointCopy> change) => new(temporary =>
    {
        var copy = new CheckpointCopy(folder);
        change(copy);
        return copy.Write(temporary["checkpoint"]);
    }, []);

    public void Dispose()
    {
        if (_model.IsValueCreated) _model.Value.Dispose();
        _checkpoint.Dispose();
        _temporary.Dispose();
    }
}
