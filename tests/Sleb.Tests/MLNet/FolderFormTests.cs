using Sleb.Core.Calibration;
using Sleb.MLNet.Pruning;

namespace Sleb.Tests.MLNet;

/// <summary>Which folder does a job write: for the device that searches, unless somebody says otherwise?</summary>
public class FolderFormTests
{
    [Theory]
    [InlineData(null, null, null, "cpu", "fp32")]
    [InlineData(null, null, "int4", "cpu", "int4")]
    [InlineData(0, null, null, "cuda", "fp16")]
    [InlineData(0, null, "bf16", "cuda", "bf16")]
    [InlineData(0, "cpu", null, "cpu", "fp32")]
    [InlineData(null, "cuda", null, "cuda", "fp16")]
    public void The_device_decides_where_nothing_else_does(int? gpu, string? target, string? precision, string expectedTarget, string expectedPrecision)
    {
        var request = new PruneRequest { ModelFolder = "model", RemoveBlocks = 1, Calibration = new TextSource("text", "a text", null), Target = target, Precision = precision };
        Assert.Equal((expectedTarget, expectedPrecision), request.FolderFor(gpu));
    }
}
